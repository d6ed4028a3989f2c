"""The client: the API as methods, once for callers that block and for callers that await."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellary.client._client import AsyncStellary, Stellary
    from stellary.client._page import AsyncPage, Page
    from stellary.client._port_transport import PortTransport
    from stellary.client._raw import Response, with_raw_response
    from stellary.client._watch import Exchange

__all__ = [
    "AsyncPage",
    "AsyncStellary",
    "Exchange",
    "Page",
    "PortTransport",
    "Response",
    "Stellary",
    "with_raw_response",
]

_PLACES = {
    "AsyncPage": "_page",
    "AsyncStellary": "_client",
    "Exchange": "_watch",
    "Page": "_page",
    "PortTransport": "_port_transport",
    "Response": "_raw",
    "Stellary": "_client",
    "with_raw_response": "_raw",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
