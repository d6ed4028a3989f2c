"""Activities as values, and those that a caller may read: about kinds of items that the caller may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, FromClause, and_, cast, null, or_

from stellary.contract.activities import Activity, Assignee, EntityKind, FieldChange, Via, WorkspaceEvent
from stellary.contract.cards import Card
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.endpoint import Policy
from stellary.contract.fields import convert
from stellary.contract.notifications import Notification
from stellary.contract.policies import (
    AGENT_TOKENS,
    AGENTS_READ,
    AUTOMATIONS_READ,
    BOARD_READ,
    DOCUMENT_READ,
    ORGANIZATION_MEMBER,
    ORGANIZATION_READ,
    PILOTAGE_READ,
    WORKSPACE_ADMIN,
    WORKSPACE_READ,
)
from stellary.contract.wire import as_dict, read
from stellary.core.accounts.audience import name_of
from stellary.core.accounts.people import Person
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.queries.recipient_queries import select_project_of_card
from stellary.core.db.base import json_text
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.unit import Actor
from stellary.core.notifications.row_types import ActivityColumns, NotificationRow, StreamedActivityRow
from stellary.core.notifications.tables import activities, notifications, organization_activities

READ_POLICIES: Final[Mapping[EntityKind, Policy]] = {
    "card": BOARD_READ,
    "comment": BOARD_READ,
    "attachment": BOARD_READ,
    "relation": BOARD_READ,
    "time_entry": BOARD_READ,
    "member": BOARD_READ,
    "project": BOARD_READ,
    "scope": BOARD_READ,
    "column": BOARD_READ,
    "label": BOARD_READ,
    "custom_field": BOARD_READ,
    "automation": AUTOMATIONS_READ,
    "document": DOCUMENT_READ,
    "document_comment": DOCUMENT_READ,
    "mission": PILOTAGE_READ,
    "priority": PILOTAGE_READ,
    "todo": PILOTAGE_READ,
    "decision": PILOTAGE_READ,
    "doc": PILOTAGE_READ,
    "action": PILOTAGE_READ,
    "organization": ORGANIZATION_READ,
    "organization_member": ORGANIZATION_MEMBER,
    "workspace": WORKSPACE_READ,
    "workspace_member": WORKSPACE_READ,
    "invitation": WORKSPACE_ADMIN,
    "webhook": WORKSPACE_ADMIN,
    "agent": AGENTS_READ,
    "agent_token": AGENT_TOKENS,
    "agent_mission": AGENTS_READ,
    "proposal": AGENTS_READ,
}
"""The policy of the endpoint that lists each kind of item."""


_NAMING_ANY_PROJECT: Final = frozenset({"agent_mission", "proposal", "action"})
"""The kinds of items whose activities may name items of any project."""


def list_hidden_kinds(actor: Actor, roles: CallerRoles) -> tuple[EntityKind, ...]:
    """Return the kinds of items whose activities a caller may not read.

    Args:
        actor: The caller.
        roles: The caller's roles in the workspace.
    """
    hidden = _NAMING_ANY_PROJECT if roles.sight.is_limited else frozenset[str]()
    return tuple(
        kind
        for kind in get_args(EntityKind)
        if kind in hidden or not _may_read(READ_POLICIES[kind], actor, roles)
    )


def names_visible_card(
    activity: FromClause, sees: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Return the condition that an activity is not about a relation, or names a card of a project that the caller sees.

    Args:
        activity: The table of activities, or an alias.
        sees: Returns the condition that the caller sees a project.
    """
    other_card = select_project_of_card(json_text(activity.c.meta, "otherCardId"), sees)
    return or_(activity.c.entity != "relation", other_card.exists())


IS_SEEN: Final = and_(is_visible(activities.c.project_id), names_visible_card(activities, is_visible))
"""The condition that the caller sees the projects of an activity, with the parameters of a ``ProjectSight``."""


def list_role_policies(actor: Actor, roles: CallerRoles, base: Policy) -> frozenset[Policy]:
    """Return policies with all roles by which a caller may read activities, beside the role of another policy.

    Args:
        actor: The caller.
        roles: The caller's roles in the workspace.
        base: The other policy.
    """
    readable = (policy for policy in READ_POLICIES.values() if _may_read(policy, actor, roles))
    by_role = {policy.role: policy for policy in readable if policy.role != base.role}
    return frozenset(by_role.values())


def _may_read(policy: Policy, actor: Actor, roles: CallerRoles) -> bool:
    return actor.is_allowed(policy) and roles.admits(policy) and roles.grants(policy.role)


_FIELDS = RowFields(
    Activity,
    activities,
    computed=("id",),
    selected={"actor_name": name_of(activities.c.actor_id)},
    converted=("workspace_id", "changes"),
    internal=("id", "seq", "item", "address_digest"),
)
_NOTIFICATION_FIELDS = RowFields(
    Notification,
    notifications,
    computed=("activity",),
    internal=("activity_id", "workspace_id", "kind", "created_at"),
)
ACTIVITY = _FIELDS.columns
"""The columns of an activity that a statement selects, except its id."""

ORGANIZATION_ACTIVITY: tuple[ColumnElement[Any], ...] = (
    *(
        organization_activities.c[name]
        if name in organization_activities.c
        else cast(null(), activities.c[name].type).label(name)
        for name in _FIELDS.names
    ),
    name_of(organization_activities.c.actor_id).label("actor_name"),
)
"""The same columns of an activity of an organization, which has no workspace, project and card."""


def activity_of(row: ActivityColumns, id: str) -> Activity:
    """Convert a row with the columns of ``ACTIVITY`` to an activity.

    Args:
        row: The row.
        id: The id of the activity, which the statement may select under another name.
    """
    return _FIELDS.to_value(row, id=id, changes=read_changes(row.changes), via=read_via(row.via))


def notification_of(row: NotificationRow, read_at: datetime | None = None) -> Notification:
    """Convert a row to a notification.

    Args:
        row: The row, with the columns of its activity.
        read_at: The time at which it has just been read; None for the stored time.
    """
    activity = activity_of(row, row.activity_id)
    return _NOTIFICATION_FIELDS.to_value(row, read_at=read_at or row.read_at, activity=activity)


def event_of(
    row: StreamedActivityRow,
    card: Card | None,
    people_by_id: Mapping[str, Person],
    comment: Comment | DocumentComment | None,
) -> WorkspaceEvent:
    """Convert a row of a stream to an event.

    Args:
        row: The row.
        card: The card that it is about, as it is now.
        people_by_id: Users by id, among them the assignee of the card.
        comment: The comment that it is about, as it is now.
    """
    activity = activity_of(row, row.id)
    assignee = assignee_of(card, people_by_id)
    text = None if comment is None else as_dict(comment)
    return convert(WorkspaceEvent, activity, card=card, assignee=assignee, item=row.item, comment=text)


def assignee_of(card: Card | None, people_by_id: Mapping[str, Person]) -> Assignee | None:
    """Return the assignee of a card for an event; None if there is none.

    Args:
        card: The card, if the event is about one.
        people_by_id: Users by id, among them the assignee.
    """
    person = None if card is None else people_by_id.get(card.assignee_id or "")
    return None if person is None else Assignee(user_id=person.id, email=person.email, name=person.name)


def read_changes(stored: Sequence[Mapping[str, object]] | None) -> list[FieldChange]:
    """Return stored changes as values."""
    # Records of earlier versions contain what a rule lacked, which not everyone may read.
    return [read(FieldChange, change) for change in stored or () if change["field"] != "problem"]


def read_via(stored: Mapping[str, object] | None) -> Via | None:
    """Return the stored means of a change as a value."""
    return None if stored is None else read(Via, stored)
