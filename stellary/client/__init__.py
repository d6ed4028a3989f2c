"""The client: the API as methods, blocking and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellary.client._client import AsyncStellary, Stellary
    from stellary.client.calling.call import Response
    from stellary.client.calling.capture import Exchange
    from stellary.client.calling.frames import to_frame
    from stellary.client.calling.method import with_raw_response
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.client.calling.port_transport import PortTransport
    from stellary.client.calling.settings import log

__all__ = [
    "AsyncPage",
    "AsyncStellary",
    "Exchange",
    "Page",
    "PortTransport",
    "Response",
    "Stellary",
    "log",
    "to_frame",
    "with_raw_response",
]

_MODULES = {
    "AsyncPage": "calling.page",
    "AsyncStellary": "_client",
    "Exchange": "calling.capture",
    "Page": "calling.page",
    "PortTransport": "calling.port_transport",
    "Response": "calling.call",
    "Stellary": "_client",
    "log": "calling.settings",
    "to_frame": "calling.frames",
    "with_raw_response": "calling.method",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
