"""Activity: what has happened in a project, newest first. Section Activity Types of the API reference."""

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
"""The nine published types come first. Those from ``mission_created`` on happen in pilotage, and in no project."""


@value
class Activity(Value):
    """Something that has happened.

    Attributes:
        actor_id: The user or the agent that did it.
        project_id, card_id: Where it happened, unless it was elsewhere; what is named may be gone by now.
        meta: What a person wants to read, by name and not by id: ``{"fromColumn": "To Do", …}``.
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
    """Which activity, newest first; that of the whole project if nothing is named.

    Attributes:
        limit: 1 to 500, 50 if not given: as with notifications, this list is never complete by itself.
        card_id: Only what has happened to that card, which may have been deleted since.
        actor_id: Only what that user or agent has done.
        type: Only what is of that type.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] = 50
    card_id: Id | Unset = UNSET
    actor_id: Id | Unset = UNSET
    type: ActivityType | Unset = UNSET


LIST_ACTIVITY = lists(
    "projects.activity",
    ProjectRef,
    "activity",
    summary="List what has happened in a project, or to one of its cards, newest first.",
    takes=ListActivity,
    item=Activity,
    policy=BOARD_READ,
)

ENDPOINTS = (LIST_ACTIVITY,)
