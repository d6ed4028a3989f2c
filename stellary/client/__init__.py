"""The client: the API as methods, blocking and async."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellary.client._client import AsyncStellary as AsyncStellary
    from stellary.client._client import Stellary as Stellary
    from stellary.client.calling.call import Response as Response
    from stellary.client.calling.capture import Exchange as Exchange
    from stellary.client.calling.frames import to_frame as to_frame
    from stellary.client.calling.method import with_raw_response as with_raw_response
    from stellary.client.calling.page import AsyncPage as AsyncPage
    from stellary.client.calling.page import Page as Page
    from stellary.client.calling.port_transport import PortTransport as PortTransport
    from stellary.client.calling.settings import log as log

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
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
