"""Notifications: activity that concerns the caller. Section Notifications of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.activities import Activity
from stellary.contract.endpoint import Ok, lists, reads, updates
from stellary.contract.limits import Range
from stellary.contract.paging import LIMIT_MAX, Paged
from stellary.contract.policies import NOTIFICATIONS, OWN_NOTIFICATION
from stellary.contract.refs import NotificationRef, Ref
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Value, request, value


@value
class Notification(Value):
    """An activity, as a notification for one user.

    Attributes:
        read_at: When the notification was marked as read; None while it is unread.
    """

    id: str
    user_id: str
    read_at: datetime | None
    activity: Activity


@value
class NotificationCount(Value):
    """The number of unread notifications."""

    count: int


@request
class ListNotifications(Paged):
    """Filters for the caller's notifications. The newest notification comes first.

    Attributes:
        limit: 1 to 500. Default: 50; unlike other lists, this one is always paged.
        unread_only: ``true`` or ``1`` for unread notifications only.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] = 50
    unread_only: bool | Unset = UNSET


LIST_NOTIFICATIONS = lists(
    "notifications.list",
    Ref,
    "notifications",
    summary="List the caller's notifications, newest first.",
    takes=ListNotifications,
    item=Notification,
    policy=NOTIFICATIONS,
)
COUNT_NOTIFICATIONS = reads(
    "notifications.count",
    Ref,
    "notifications/count",
    summary="Get the number of the caller's unread notifications.",
    returns=NotificationCount,
    policy=NOTIFICATIONS,
)
READ_ALL_NOTIFICATIONS = updates(
    "notifications.read_all",
    Ref,
    "notifications/read-all",
    summary="Mark all of the caller's notifications as read.",
    returns=Ok,
    policy=NOTIFICATIONS,
)
READ_NOTIFICATION = updates(
    "notifications.read",
    NotificationRef,
    "read",
    summary="Mark a notification as read. Has no effect if it is read already.",
    returns=Notification,
    policy=OWN_NOTIFICATION,
)

ENDPOINTS = (LIST_NOTIFICATIONS, COUNT_NOTIFICATIONS, READ_ALL_NOTIFICATIONS, READ_NOTIFICATION)
