"""The caller's notifications."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.notifications import (
    COUNT_NOTIFICATIONS,
    LIST_NOTIFICATIONS,
    READ_ALL_NOTIFICATIONS,
    READ_NOTIFICATION,
)


class Notifications(Resource[C]):
    """The caller's notifications, newest first."""

    list = method(LIST_NOTIFICATIONS)
    iterate = iterates(LIST_NOTIFICATIONS)
    count = method(COUNT_NOTIFICATIONS)
    read_all = method(READ_ALL_NOTIFICATIONS)
    read = by_id(READ_NOTIFICATION)
