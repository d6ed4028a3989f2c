"""The caller's notifications. Section Notifications of the API reference."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from stellary.contract.endpoint import Ok
from stellary.contract.notifications import (
    COUNT_NOTIFICATIONS,
    LIST_NOTIFICATIONS,
    READ_ALL_NOTIFICATIONS,
    READ_NOTIFICATION,
    ListNotifications,
    Notification,
    NotificationCount,
)
from stellary.contract.refs import NotificationRef, Ref
from stellary.contract.wire import Listing
from stellary.core.accounts import people
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import access
from stellary.core.notifications.row_types import NotificationRow
from stellary.core.notifications.rows import notification_of
from stellary.core.notifications.tables import notifications

MENTIONS_SCANNED = 200
"""The number of notifications among which mentions are found."""
_UNREAD = notifications.c.read_at.is_(None)
_ALL = Pages(NotificationRow, access.OWN_ROWS, notifications.c.id, newest_first=True)
_UNREAD_ONLY = Pages(NotificationRow, access.OWN_ROWS.where(_UNREAD), notifications.c.id, newest_first=True)
_NEWEST = Query(
    NotificationRow,
    access.OWN_ROWS.order_by(notifications.c.user_id, notifications.c.id.desc()).limit(MENTIONS_SCANNED),
)
_COUNT = select(func.count()).select_from(notifications).where(*access.OWN, _UNREAD)
_OF_USER = is_given(notifications.c.user_id)
_READ_ALL = update(notifications).where(_OF_USER, _UNREAD)
_READ = _READ_ALL.where(is_given(notifications.c.id))
RETENTION = RetentionRule(
    notifications,
    notifications.c.read_at,
    lambda retention: timedelta(days=retention.notification_days),
    notifications.c.read_at.is_not(None),
)
"""The rule for notifications that were read long ago."""


@serves(LIST_NOTIFICATIONS)
def list_notifications(uow: UnitOfWork, ref: Ref, request: ListNotifications) -> Listing[Notification]:
    """Return the caller's notifications, newest first; 50 by default."""
    pages = _UNREAD_ONLY if request.unread_only else _ALL
    return pages.fetch(uow, request, notification_of, _user_id=uow.user_id)


def list_mentions(uow: UnitOfWork) -> list[Notification]:
    """Return the caller's notifications with a mention of the caller, newest first, among the newest ones."""
    rows = _NEWEST.all(uow.connection, {"_user_id": uow.user_id})
    names = {person.name for person in people.load_people(uow, [uow.user_id]).values()}
    mentions = [(row, row.meta.get("mentioned")) for row in rows]
    return [
        notification_of(row)
        for row, mentioned in mentions
        if isinstance(mentioned, list) and names.intersection(mentioned)
    ]


@serves(COUNT_NOTIFICATIONS)
def count_notifications(uow: UnitOfWork, ref: Ref) -> NotificationCount:
    """Return the number of unread notifications."""
    count = uow.connection.execute(_COUNT, {"_user_id": uow.user_id}).scalar_one()
    return NotificationCount(count=count)


@serves(READ_ALL_NOTIFICATIONS)
def read_all_notifications(uow: UnitOfWork, ref: Ref) -> Ok:
    """Mark all unread notifications as read."""
    uow.connection.execute(_READ_ALL, {"_user_id": uow.user_id, "read_at": uow.now})
    return Ok()


@serves(READ_NOTIFICATION)
def read_notification(uow: UnitOfWork, ref: NotificationRef) -> Notification:
    """Mark a notification as read; the time of the first read is kept."""
    row = access.notification(uow, ref)
    if row.read_at is not None:
        return notification_of(row)
    uow.connection.execute(_READ, {"_user_id": uow.user_id, "_id": row.id, "read_at": uow.now})
    return notification_of(row, uow.now)
