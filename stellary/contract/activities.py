"""Activity: the history of a project, newest first. Section Activity Types of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import lists
from stellary.contract.limits import Id, Range
from stellary.contract.paging import LIMIT_MAX, Paged
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Value, request, value

ActivityType = Literal[
    "card_created",
    "card_updated",
    "card_moved",
    "card_archived",
    "card_deleted",
    "card_assigned",
    "comment_added",
    "member_added",
    "member_removed",
    "comment_updated",
    "comment_deleted",
    "notice_given",
    "attachment_added",
    "attachment_removed",
    "relation_added",
    "relation_removed",
    "project_created",
    "project_updated",
    "project_imported",
    "document_created",
    "document_updated",
    "document_deleted",
    "document_submitted",
    "document_approved",
    "document_changes_requested",
    "mission_created",
    "mission_updated",
    "mission_deleted",
    "priority_created",
    "priority_updated",
    "priority_deleted",
    "todo_created",
    "todo_updated",
    "todo_deleted",
    "decision_created",
    "doc_created",
    "doc_updated",
    "doc_deleted",
    "action_proposed",
    "action_approved",
    "action_rejected",
    "action_applied",
    "action_reopened",
]
"""The nine published types come first. Types from ``mission_created`` on occur in pilotage and have no project."""


@value
class Activity(Value):
    """An event in a workspace.

    Attributes:
        actor_id: The id of the user or agent that caused it.
        project_id, card_id: The project and card concerned; None if there is none. They may have been deleted since.
        meta: Details for display, by name instead of id: ``{"fromColumn": "To Do", …}``.
    """

    id: str
    type: ActivityType
    actor_id: str
    actor_name: str | None
    workspace_id: str | None
    project_id: str | None
    card_id: str | None
    meta: dict[str, Any]
    created_at: datetime


@request
class ListActivity(Paged):
    """Filters for the activity of a project. The newest activity comes first.

    Attributes:
        limit: 1 to 500. Default: 50; like notifications, this list is always paged.
        card_id: Only activity on this card, which may have been deleted since.
        actor_id: Only activity of this user or agent.
        type: Only activity of this type.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] = 50
    card_id: Id | Unset = UNSET
    actor_id: Id | Unset = UNSET
    type: ActivityType | Unset = UNSET


LIST_ACTIVITY = lists(
    "projects.activity",
    ProjectRef,
    "activity",
    summary="List the activity of a project, or of one of its cards, newest first.",
    takes=ListActivity,
    item=Activity,
    policy=BOARD_READ,
)

ENDPOINTS = (LIST_ACTIVITY,)
