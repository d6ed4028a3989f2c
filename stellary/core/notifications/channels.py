"""Channels, over which notifications are delivered after the commit: push messages, chat, e-mail.

Jobs turn notifications into the messages of channels, one message per person. The transaction of the notifications adds one
job. It writes a row per channel, with the time that its recipient prefers. For each person who is due, one transaction
deletes the rows and adds the job that sends the message, so that nothing is lost whenever a process ends. A row without a
notification remains for five minutes; until then, the person gets no other message.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final, Protocol, TypedDict, cast

import attrs
from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from stellary.contract.notifications import Notification, NotificationKind
from stellary.core.accounts.people import Contact, find_contact, list_workspaces
from stellary.core.board.queries.item_names import load_descriptions
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import access, messages
from stellary.core.notifications.preferences import build_unsubscribe_url, find_next_digest, load_preferences
from stellary.core.notifications.row_types import DueDeliveryRow, NewNotificationRow, NotificationRow
from stellary.core.notifications.tables import deliveries, notifications
from stellary.core.notifications.visibility import notification_of

GROUPING: Final = timedelta(minutes=5)
"""The least time between two messages to a person, in which further notifications wait for the next one."""
DISTRIBUTE: Final = "notifications.distribute"
IDS_MAX: Final = 1_000
"""The number of notifications of a job."""

_INSERT = insert(notifications)
_UNREAD = Query(
    NotificationRow,
    access.OWN_ROWS.where(notifications.c.id == bindparam("_id"), notifications.c.read_at.is_(None)),
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


CHECK = "notifications.deliveries"
PAUSE = timedelta(seconds=20)
SETTLING = timedelta(seconds=30)
"""How long a notification waits for corrections. With the pauses of the check and of the runner, it is sent within a minute."""
SENT = ""
"""The id of a notification in the row of the last message, which is due when the next one may be sent."""
DUE_MAX = 200
"""The number of rows from which a transaction takes the people who are due."""
PEOPLE_MAX = 20
NOTIFICATIONS_MAX = 2_000
"""The number of notifications of a message. The others are in the next one."""

_NEW = Query(
    NewNotificationRow,
    select(notifications.c.id, notifications.c.user_id, notifications.c.kind).where(
        notifications.c.id.in_(bindparam("_ids", expanding=True))
    ),
)
_INSERT_DELIVERY = insert(deliveries)
_sent = deliveries.alias("sent")
_IS_OF_SENT = and_(
    _sent.c.user_id == deliveries.c.user_id,
    _sent.c.channel == deliveries.c.channel,
    _sent.c.notification_id == SENT,
)
_DUE = Query(
    DueDeliveryRow,
    select(deliveries.c.user_id, deliveries.c.channel, _sent.c.due_at.label("next_at"))
    .outerjoin_from(deliveries, _sent, _IS_OF_SENT)
    .where(deliveries.c.due_at <= bindparam("_now"))
    .order_by(deliveries.c.due_at)
    .limit(DUE_MAX),
)
_NEXT = select(func.min(deliveries.c.due_at))
_OF_USER = (deliveries.c.user_id == bindparam("_user_id"), deliveries.c.channel == bindparam("_channel"))
_IS_DUE = deliveries.c.due_at <= bindparam("_now")
_WAITING = (
    select(deliveries.c.notification_id)
    .where(*_OF_USER, or_(~deliveries.c.is_digest, _IS_DUE))
    .order_by(deliveries.c.due_at, deliveries.c.notification_id)
    .limit(NOTIFICATIONS_MAX)
)
_DELETE = delete(deliveries).where(
    *_OF_USER, deliveries.c.notification_id.in_(bindparam("_ids", expanding=True))
)
_PUT_OFF_DUE = update(deliveries).where(*_OF_USER, _IS_DUE).values(due_at=bindparam("_due_at"))
_UNREAD_OF_PERSON = Query(
    NotificationRow,
    access.OWN_ROWS.where(
        notifications.c.id.in_(bindparam("_ids", expanding=True)), notifications.c.read_at.is_(None)
    ).order_by(notifications.c.id),
)


class _MailJob(TypedDict):
    """The payload of the job that sends a message."""

    messageId: str
    userId: str
    notificationIds: list[str]


def distribute(uow: UnitOfWork, ids: object) -> None:
    """Write when the channels deliver new notifications, as their recipients prefer.

    Args:
        ids: The ids of the notifications.
    """
    rows = _NEW.all(uow.connection, {"_ids": ids})
    chosen = load_preferences(uow, {row.user_id for row in rows})
    waiting: list[dict[str, object]] = []
    for row, channel in itertools.product(rows, uow.env.message_channels):
        preferences = chosen[row.user_id]
        time = preferences.channels[channel][row.kind or "card"]
        key = {"user_id": row.user_id, "channel": channel, "notification_id": row.id}
        if time == "immediate":
            waiting.append({**key, "due_at": uow.now + SETTLING, "is_digest": False})
        elif time == "digest":
            due_at = find_next_digest(preferences, uow.now)
            waiting.append({**key, "due_at": due_at, "is_digest": True})
    if waiting:
        uow.connection.execute(_INSERT_DELIVERY, waiting)


def check(uow: UnitOfWork, _: object) -> None:
    """Add the jobs that send what is due, for a few people, and schedule the next check, a few seconds later at most."""
    due = {(row.user_id, row.channel): row.next_at for row in _DUE.all(uow.connection, {"_now": uow.now})}
    for (user_id, channel), next_at in itertools.islice(due.items(), PEOPLE_MAX):
        key = {"_user_id": user_id, "_channel": channel, "_now": uow.now}
        # A clock that was ahead may have sent the last message.
        if next_at is not None and uow.now < next_at <= uow.now + GROUPING:
            uow.connection.execute(_PUT_OFF_DUE, {**key, "_due_at": next_at})
            continue
        # What is not due yet is included, since the next message has to wait.
        ids = [id for id in uow.connection.execute(_WAITING, key).scalars() if id != SENT]
        uow.connection.execute(_DELETE, {**key, "_ids": [*ids, SENT]})
        if ids and channel in uow.env.message_channels:
            payload = _MailJob(messageId=uow.new_id(), userId=user_id, notificationIds=ids)
            jobs.enqueue(uow, build_kind(channel), payload)
            row = {"user_id": user_id, "channel": channel, "notification_id": SENT, "is_digest": False}
            uow.connection.execute(_INSERT_DELIVERY, {**row, "due_at": uow.now + GROUPING})
    due_at = uow.connection.execute(_NEXT).scalar()
    latest = uow.now + PAUSE
    jobs.enqueue(uow, CHECK, {}, due_at=latest if due_at is None else min(due_at, latest), key=CHECK)


def load_message(uow: UnitOfWork, channel: str, payload: object) -> Message | None:
    """Return a message to send; None if all its notifications were read, or are not visible to the recipient any more.

    Args:
        uow: A unit of the recipient.
        channel: The name of the channel.
        payload: The payload of the job.
    """
    job = cast("_MailJob", payload)
    user_id = job["userId"]
    chosen = load_preferences(uow, [user_id])[user_id]
    rows = [
        row
        for row in _UNREAD_OF_PERSON.all(
            uow.connection, {"_user_id": user_id, "_ids": job["notificationIds"]}
        )
        if chosen.channels[channel][row.kind or "card"] != "never"
    ]
    recipient = find_contact(uow, user_id)
    if not rows or recipient is None:
        return None
    workspaces = {workspace.id: workspace for workspace in list_workspaces(uow)}
    by_workspace: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_workspace[row.workspace_id].update([row.project_id] if row.project_id else ())
    names = {id: workspace.name for id, workspace in workspaces.items()}
    for workspace_id, project_ids in by_workspace.items():
        names |= load_descriptions(uow, workspace_id, project_ids) if project_ids else {}
    lines = [
        messages.Line(notification_of(row), row.kind, names.get(row.project_id or row.workspace_id, ""))
        for row in rows
    ]
    url = build_unsubscribe_url(uow.env, user_id, channel)
    projects = {(row.workspace_id, row.project_id) for row in rows}
    workspace_id, project_id = projects.pop()
    ref = workspaces[workspace_id].ref if not projects and workspace_id in workspaces else None
    path = "home" if ref is None or not project_id else f"boards/{ref.org_slug}/{ref.ws_slug}/{project_id}"
    text = messages.render_text(lines, f"{uow.env.public_url}/{path}", url)
    card_ids = {row.card_id for row in rows}
    return Message(
        id=job["messageId"],
        recipient=recipient,
        subject=text.subject,
        text=text.text,
        html=text.html,
        notifications=tuple(line.notification for line in lines),
        card_id=card_ids.pop() if len(card_ids) == 1 else None,
        unsubscribe_url=url,
    )
