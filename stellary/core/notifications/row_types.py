"""The rows of notifications, as their statements select them."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.activities import ActivityType
from stellary.core.db.row_types import RowType


class ActivityColumns(RowType):
    """An activity, except its id: the columns of ``rows.ACTIVITY``."""

    type: ActivityType
    actor_id: str
    actor_name: str | None
    workspace_id: str
    project_id: str | None
    card_id: str | None
    meta: dict[str, object]
    created_at: datetime


class ActivityRow(ActivityColumns):
    """An activity."""

    id: str


class StreamedActivityRow(ActivityRow):
    """An activity, with its number in the stream."""

    seq: int


class NotificationRow(ActivityColumns):
    """A notification, with its activity."""

    id: str
    user_id: str
    read_at: datetime | None
    activity_id: str
