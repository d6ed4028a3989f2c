"""Stellary for Python: the project-management API as a client, an embeddable core and a reference server.

The names below are loaded on first access, so a program that embeds the core does not load the client.
"""

from __future__ import annotations

# Type checkers treat this like typing.TYPE_CHECKING, whose import would take longer than the rest of this module.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from stellary.client._client import AsyncStellary, Stellary
    from stellary.client.calling.page import AsyncPage, Page
    from stellary.client.errors import (
        ConnectionFailed,
        EndlessPages,
        NotImported,
        Proposed,
        StalePlan,
        TimedOut,
        Unanswered,
        UnreadableAnswer,
        UnsuitableDeclaration,
        UnsuitableFile,
        UnverifiedWebhook,
    )
    from stellary.contract.errors import (
        ApiError,
        Conflict,
        FieldProblem,
        Forbidden,
        Invalid,
        MethodNotAllowed,
        NotFound,
        PreconditionFailed,
        RangeNotSatisfiable,
        RateLimited,
        ServerError,
        StellaryError,
        StorageFull,
        TooLarge,
        Unauthenticated,
        Unavailable,
        Unprocessable,
        UnsupportedMedia,
    )
    from stellary.contract.unset import UNSET

__all__ = [
    "UNSET",
    "ApiError",
    "AsyncPage",
    "AsyncStellary",
    "Conflict",
    "ConnectionFailed",
    "EndlessPages",
    "FieldProblem",
    "Forbidden",
    "Invalid",
    "MethodNotAllowed",
    "NotFound",
    "NotImported",
    "Page",
    "PreconditionFailed",
    "Proposed",
    "RangeNotSatisfiable",
    "RateLimited",
    "ServerError",
    "StalePlan",
    "Stellary",
    "StellaryError",
    "StorageFull",
    "TimedOut",
    "TooLarge",
    "Unanswered",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "UnreadableAnswer",
    "UnsuitableDeclaration",
    "UnsuitableFile",
    "UnsupportedMedia",
    "UnverifiedWebhook",
]

__version__ = "0.1.0"

_CLIENT = {
    "AsyncPage": "calling.page",
    "AsyncStellary": "_client",
    "ConnectionFailed": "errors",
    "EndlessPages": "errors",
    "NotImported": "errors",
    "Page": "calling.page",
    "Proposed": "errors",
    "StalePlan": "errors",
    "Stellary": "_client",
    "TimedOut": "errors",
    "Unanswered": "errors",
    "UnreadableAnswer": "errors",
    "UnsuitableDeclaration": "errors",
    "UnsuitableFile": "errors",
    "UnverifiedWebhook": "errors",
}


def _home(name: str) -> str:
    if name in _CLIENT:
        return f"stellary.client.{_CLIENT[name]}"
    return "stellary.contract.unset" if name == "UNSET" else "stellary.contract.errors"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_home(name)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
