"""The rows of notifications, as their statements select them."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.activities import ActivityType, EntityKind
from stellary.contract.notifications import NotificationKind
from stellary.core.db.row_types import RowType


class ActivityColumns(RowType):
    """An activity, except its id: the columns of ``rows.ACTIVITY``."""

    workspace_id: str
    project_id: str | None
    card_id: str | None
    entity: EntityKind
    entity_id: str | None
    changes: list[dict[str, object]] | None
    via: dict[str, object] | None
    meta: dict[str, object]


class ActivityRow(ActivityColumns):
    """An activity."""

    id: str


class StreamedActivityRow(ActivityRow):
    """An activity with its number in the stream, and the item that it is about unless that is a card."""

    seq: int
    item: dict[str, object] | None


class NotificationRow(ActivityColumns):
    """A notification, with its activity."""

    id: str
    read_at: datetime | None
    kind: NotificationKind | None
    activity_id: str


class DueDeliveryRow(RowType):
    """A user to whom a channel has to deliver notifications, and the earliest time if there was a message just now."""

    user_id: str
    channel: str
    next_at: datetime | None


class NewNotificationRow(RowType):
    """A notification that channels have to deliver."""

    id: str
    user_id: str
    kind: NotificationKind | None


class WatchRow(RowType):
    """A card or a project that a user watches or mutes."""

    project_id: str
    card_id: str
    user_id: str
    level: str


class PreferencesRow(RowType):
    """The preferences of a user that differ from the defaults, with wire names, and the last reminders."""

    user_id: str
    choices: dict[str, object]
    reminded_on: str | None
    reminded_at: datetime | None


class UndoableActivityRow(RowType):
    """The columns of an activity from which it is undone."""

    id: str
    type: ActivityType
    card_id: str | None
    changes: list[dict[str, object]] | None
    meta: dict[str, object]
    via: dict[str, object] | None


class ActivityMetaRow(RowType):
    """The number and the meta of an activity."""

    seq: int
    meta: dict[str, object]


class RevisedActivityRow(ActivityMetaRow):
    """The columns of an activity whose changes are written again."""

    changes: list[dict[str, object]] | None


class NamingActivityRow(RevisedActivityRow):
    """The columns of an activity that can contain the name of a person."""

    item: dict[str, object] | None


class ReadActivitiesRow(RowType):
    """The number of activities of a workspace that a job reads in one transaction, and the number of the last one in the stream."""

    count: int
    last_seq: int | None


class RevisedOrganizationActivityRow(RowType):
    """The columns of an activity of an organization whose changes are written again."""

    id: str
    meta: dict[str, object]
    changes: list[dict[str, object]] | None
