"""Stellary for Python: the project-management API as a client, an embeddable core and a reference server.

The names below are loaded on first access, so a program that embeds the core does not load the client.
"""

from __future__ import annotations

# Type checkers take it for true. It is not imported, since loading ``typing`` takes longer than all of this module; and it
# is annotated, since jedi would otherwise take the block for unreachable.
TYPE_CHECKING: bool = False
if TYPE_CHECKING:
    from stellary._version import __version__ as __version__
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
    from stellary.client.handles import AsyncBoard, AsyncWorkspace, Board, Workspace
    from stellary.contract.activities import Activity
    from stellary.contract.agents import Agent
    from stellary.contract.attachments import Attachment
    from stellary.contract.cards import Card, CardChange, CardInColumn
    from stellary.contract.checklists import ChecklistItem
    from stellary.contract.columns import Column
    from stellary.contract.comments import Comment, DocumentComment
    from stellary.contract.custom_fields import CustomField
    from stellary.contract.documents import Document
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
    from stellary.contract.labels import Label
    from stellary.contract.notifications import Notification
    from stellary.contract.projects import Project
    from stellary.contract.scopes import Scope
    from stellary.contract.unset import UNSET

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

_MODULES = {
    "_version": "__version__",
    "client._client": "AsyncStellary Stellary",
    "client.calling.page": "AsyncPage Page",
    "client.errors": "ConnectionFailed EndlessPages NotImported Proposed StalePlan TimedOut Unanswered "
    "UnreadableAnswer UnsuitableDeclaration UnsuitableFile UnverifiedWebhook",
    "client.handles": "AsyncBoard AsyncWorkspace Board Workspace",
    "contract.activities": "Activity",
    "contract.agents": "Agent",
    "contract.attachments": "Attachment",
    "contract.cards": "Card CardChange CardInColumn",
    "contract.checklists": "ChecklistItem",
    "contract.columns": "Column",
    "contract.comments": "Comment DocumentComment",
    "contract.custom_fields": "CustomField",
    "contract.documents": "Document",
    "contract.errors": "ApiError Conflict FieldProblem Forbidden Invalid MethodNotAllowed NotFound "
    "PreconditionFailed RangeNotSatisfiable RateLimited ServerError StellaryError StorageFull TooLarge "
    "Unauthenticated Unavailable Unprocessable UnsupportedMedia",
    "contract.labels": "Label",
    "contract.notifications": "Notification",
    "contract.projects": "Project",
    "contract.scopes": "Scope",
    "contract.unset": "UNSET",
}
"""The names of each module."""
_HOMES = {name: f"stellary.{module}" for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
