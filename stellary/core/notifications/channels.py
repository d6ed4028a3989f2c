"""Channels, over which notifications are delivered after the commit: push messages, chat, e-mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final, Protocol, cast

import attrs
from sqlalchemy import insert

from stellary.contract.notifications import Notification, NotificationKind
from stellary.core.accounts.people import Contact, find_contact
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import access
from stellary.core.notifications.row_types import NotificationRow
from stellary.core.notifications.rows import notification_of
from stellary.core.notifications.tables import notifications

GROUPING: Final = timedelta(minutes=5)
"""The least time between two messages to a person, in which further notifications wait for the next one."""
DISTRIBUTE: Final = "notifications.distribute"
IDS_MAX: Final = 1_000
"""The number of notifications of a job."""

_INSERT = insert(notifications)
_UNREAD = Query(
    NotificationRow, access.OWN_ROWS.where(is_given(notifications.c.id), notifications.c.read_at.is_(None))
)


@attrs.frozen
class NotificationDelivery:
    """A notification for one user, as a channel receives it.

    Attributes:
        notification: The notification. Its ``id`` is the same at each attempt: use it to recognize repetitions.
        recipient: The user: ``id``, ``external_id``, ``email`` and ``name``.
    """

    notification: Notification
    recipient: Contact


@attrs.frozen
class Channel:
    """A way to deliver notifications to users, beside the list in the API.

    Attributes:
        name: The name in stored jobs, 1-52 characters. Keep it when you rename the function.
        deliver: Called in a background thread with each delivery, outside of any transaction. It decides by the
            preferences of the recipient whether to send anything. If it raises an exception, it is called again.
        delay: How long to wait. A notification that was read by then is not delivered. Default: no time.
    """

    name: str
    deliver: Callable[[NotificationDelivery], object]
    delay: timedelta = timedelta(0)


@attrs.frozen
class Message:
    """A rendered message for one user, with one or more notifications.

    Attributes:
        id: The id, which is the same at each attempt: use it to recognize repetitions.
        recipient: The user: ``id``, ``external_id``, ``email`` and ``name``.
        subject, text, html: The message, as plain text and as an HTML page.
        notifications: The notifications, oldest first.
        card_id: The card that all of them are about; None if they are about several items.
        unsubscribe_url: The URL at which a POST ends the messages of the channel to the user, without a login.
    """

    id: str
    recipient: Contact
    subject: str
    text: str = attrs.field(repr=False)
    html: str = attrs.field(repr=False)
    notifications: tuple[Notification, ...]
    card_id: str | None
    unsubscribe_url: str = attrs.field(repr=False)


class MessageChannel(Protocol):
    """A channel that sends rendered messages, as the preferences of each user say: immediately or in a digest."""

    @property
    def name(self) -> str:
        """The name in preferences and stored jobs, 1-52 characters."""
        ...

    def send(self, message: Message, /) -> object:
        """Send a message, in a background thread and outside of any transaction. If it raises, it is called again."""
        ...


def build_kind(name: str) -> str:
    """Return the kind of the jobs that deliver notifications over a channel.

    Args:
        name: The name of the channel.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("the name must have at least one character")
    return f"channel:{name}"


def notify(uow: UnitOfWork, recipients: Iterable[tuple[str, str, str, NotificationKind]]) -> None:
    """Insert notifications, with a job for each channel and each of them, and one for all channels that take messages.

    Args:
        uow: The unit.
        recipients: The activity, its workspace, the user and the kind of each notification.
    """
    rows: list[dict[str, object]] = [
        {
            "id": uow.new_id(),
            "user_id": user_id,
            "activity_id": activity_id,
            "workspace_id": workspace_id,
            "kind": kind,
            "read_at": None,
            "created_at": uow.now,
        }
        for activity_id, workspace_id, user_id, kind in recipients
    ]
    if not rows:
        return
    queue_rows(uow.connection, _INSERT, rows)
    for job_kind, delay in uow.env.channels.items():
        payloads = [{"notificationId": row["id"], "userId": row["user_id"]} for row in rows]
        jobs.enqueue_all(uow, job_kind, payloads, due_at=uow.now + delay)
    ids = [str(row["id"]) for row in rows] if uow.env.message_channels else []
    for start in range(0, len(ids), IDS_MAX):
        # The runner looks for jobs every few seconds, so that it need not be woken.
        jobs.enqueue(uow, DISTRIBUTE, ids[start : start + IDS_MAX], topic=None)


def load_delivery(uow: UnitOfWork, payload: object) -> NotificationDelivery | None:
    """Return a notification to deliver; None if it was read, or if the user has lost access or was deactivated.

    Args:
        uow: A unit.
        payload: The payload of the job.
    """
    ids = cast("Mapping[str, str]", payload)
    row = _UNREAD.first(uow.connection, {"_user_id": ids["userId"], "_id": ids["notificationId"]})
    recipient = find_contact(uow, ids["userId"])
    if row is None or recipient is None:
        return None
    return NotificationDelivery(notification_of(row), recipient)
