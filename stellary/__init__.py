"""Stellary for Python: the project-management API as a client, an embeddable core and a reference server.

The names below are loaded on first access, so a program that embeds the core does not load the client. Type checkers
and editors read ``__init__.pyi``, which ``dev.py stubs`` generates from the same names.
"""

from __future__ import annotations

__all__ = [
    "UNSET",
    "Activity",
    "Agent",
    "ApiError",
    "AsyncBoard",
    "AsyncPage",
    "AsyncStellary",
    "AsyncWorkspace",
    "Attachment",
    "Board",
    "Card",
    "CardChange",
    "CardInColumn",
    "ChecklistItem",
    "Column",
    "Comment",
    "Conflict",
    "ConnectionFailed",
    "CustomField",
    "Document",
    "DocumentComment",
    "EndlessPages",
    "FieldProblem",
    "Forbidden",
    "Invalid",
    "Label",
    "MethodNotAllowed",
    "NotFound",
    "NotImported",
    "Notification",
    "Page",
    "PreconditionFailed",
    "Project",
    "Proposed",
    "RangeNotSatisfiable",
    "RateLimited",
    "Scope",
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
    "Workspace",
]

__version__ = "0.1.0"

_CLIENT = {
    "AsyncBoard": "handles",
    "AsyncPage": "calling.page",
    "AsyncStellary": "_client",
    "AsyncWorkspace": "handles",
    "Board": "handles",
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
    "Workspace": "handles",
}


_CONTRACT = {
    "Activity": "activities",
    "Agent": "agents",
    "Attachment": "attachments",
    "Card": "cards",
    "CardChange": "cards",
    "CardInColumn": "cards",
    "ChecklistItem": "checklists",
    "Column": "columns",
    "Comment": "comments",
    "CustomField": "custom_fields",
    "Document": "documents",
    "DocumentComment": "comments",
    "Label": "labels",
    "Notification": "notifications",
    "Project": "projects",
    "Scope": "scopes",
    "UNSET": "unset",
}


def _home(name: str) -> str:
    """Return the module that defines a name."""
    if name in _CLIENT:
        return f"stellary.client.{_CLIENT[name]}"
    return f"stellary.contract.{_CONTRACT.get(name, 'errors')}"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_home(name)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
