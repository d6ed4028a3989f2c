"""Conversion of rows to activities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, cast, null

from stellary.contract.activities import Activity, Assignee, FieldChange, Via, WorkspaceEvent
from stellary.contract.cards import Card
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.fields import convert
from stellary.contract.notifications import Notification
from stellary.contract.wire import as_dict, read
from stellary.core.accounts.audience import name_of
from stellary.core.accounts.people import Person
from stellary.core.db.row_fields import RowFields
from stellary.core.notifications.row_types import ActivityColumns, NotificationRow, StreamedActivityRow
from stellary.core.notifications.tables import activities, notifications, organization_activities

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
