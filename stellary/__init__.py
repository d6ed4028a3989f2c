"""Stellary for Python: the project-management API as a client, an embeddable core and a reference server.

The names below are loaded on first access, so a program that embeds the core does not load the client.
"""

from __future__ import annotations

# Type checkers take it for true. It is not imported, since loading ``typing`` takes longer than all of this module; and it
# is annotated, since jedi would otherwise take the block for unreachable.
TYPE_CHECKING: bool = False
if TYPE_CHECKING:
    from stellary._version import __version__ as __version__
    from stellary.client._client import AsyncStellary as AsyncStellary
    from stellary.client._client import Stellary as Stellary
    from stellary.client.calling.page import AsyncPage as AsyncPage
    from stellary.client.calling.page import Page as Page
    from stellary.client.errors import ConnectionFailed as ConnectionFailed
    from stellary.client.errors import EndlessPages as EndlessPages
    from stellary.client.errors import NotImported as NotImported
    from stellary.client.errors import Proposed as Proposed
    from stellary.client.errors import StalePlan as StalePlan
    from stellary.client.errors import TimedOut as TimedOut
    from stellary.client.errors import Unanswered as Unanswered
    from stellary.client.errors import UnreadableAnswer as UnreadableAnswer
    from stellary.client.errors import UnsuitableDeclaration as UnsuitableDeclaration
    from stellary.client.errors import UnsuitableFile as UnsuitableFile
    from stellary.client.errors import UnverifiedWebhook as UnverifiedWebhook
    from stellary.client.handles import AsyncBoard as AsyncBoard
    from stellary.client.handles import AsyncWorkspace as AsyncWorkspace
    from stellary.client.handles import Board as Board
    from stellary.client.handles import Workspace as Workspace
    from stellary.contract.activities import Activity as Activity
    from stellary.contract.agents import Agent as Agent
    from stellary.contract.attachments import Attachment as Attachment
    from stellary.contract.cards import Card as Card
    from stellary.contract.cards import CardChange as CardChange
    from stellary.contract.cards import CardInColumn as CardInColumn
    from stellary.contract.checklists import ChecklistItem as ChecklistItem
    from stellary.contract.columns import Column as Column
    from stellary.contract.comments import Comment as Comment
    from stellary.contract.comments import DocumentComment as DocumentComment
    from stellary.contract.custom_fields import CustomField as CustomField
    from stellary.contract.documents import Document as Document
    from stellary.contract.errors import ApiError as ApiError
    from stellary.contract.errors import Conflict as Conflict
    from stellary.contract.errors import FieldProblem as FieldProblem
    from stellary.contract.errors import Forbidden as Forbidden
    from stellary.contract.errors import Invalid as Invalid
    from stellary.contract.errors import MethodNotAllowed as MethodNotAllowed
    from stellary.contract.errors import NotFound as NotFound
    from stellary.contract.errors import PreconditionFailed as PreconditionFailed
    from stellary.contract.errors import RangeNotSatisfiable as RangeNotSatisfiable
    from stellary.contract.errors import RateLimited as RateLimited
    from stellary.contract.errors import ServerError as ServerError
    from stellary.contract.errors import StellaryError as StellaryError
    from stellary.contract.errors import StorageFull as StorageFull
    from stellary.contract.errors import TooLarge as TooLarge
    from stellary.contract.errors import Unauthenticated as Unauthenticated
    from stellary.contract.errors import Unavailable as Unavailable
    from stellary.contract.errors import Unprocessable as Unprocessable
    from stellary.contract.errors import UnsupportedMedia as UnsupportedMedia
    from stellary.contract.labels import Label as Label
    from stellary.contract.notifications import Notification as Notification
    from stellary.contract.projects import Project as Project
    from stellary.contract.scopes import Scope as Scope
    from stellary.contract.unset import UNSET as UNSET

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
__all__ = [name for name in sorted(_HOMES) if name != "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
