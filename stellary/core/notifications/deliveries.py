"""Deliveries: jobs turn notifications into the messages of channels, one message per person.

The transaction of the notifications adds one job. It writes a row per channel, with the time that its recipient prefers. For
each person who is due, one transaction deletes the rows and adds the job that sends the message, so that nothing is lost
whenever a process ends. A row without a notification remains for five minutes; until then, the person gets no other message.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import timedelta
from typing import TypedDict, cast

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from stellary.core.accounts.people import find_contact
from stellary.core.accounts.places import list_workspaces
from stellary.core.board.queries.item_names import load_items
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import access, messages
from stellary.core.notifications.channels import GROUPING, Message, build_kind
from stellary.core.notifications.preferences import build_unsubscribe_url, find_next_digest, load_preferences
from stellary.core.notifications.row_types import DueDeliveryRow, NewNotificationRow, NotificationRow
from stellary.core.notifications.rows import notification_of
from stellary.core.notifications.tables import deliveries, notifications

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
        is_among(notifications.c.id)
    ),
)
_INSERT = insert(deliveries)
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
_OF_USER = (is_given(deliveries.c.user_id), is_given(deliveries.c.channel))
_IS_DUE = deliveries.c.due_at <= bindparam("_now")
_WAITING = (
    select(deliveries.c.notification_id)
    .where(*_OF_USER, or_(~deliveries.c.is_digest, _IS_DUE))
    .order_by(deliveries.c.due_at, deliveries.c.notification_id)
    .limit(NOTIFICATIONS_MAX)
)
_DELETE = delete(deliveries).where(*_OF_USER, is_among(deliveries.c.notification_id, "ids"))
_PUT_OFF_DUE = update(deliveries).where(*_OF_USER, _IS_DUE)
_UNREAD = Query(
    NotificationRow,
    access.OWN_ROWS.where(is_among(notifications.c.id), notifications.c.read_at.is_(None)).order_by(
        notifications.c.id
    ),
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
        uow.connection.execute(_INSERT, waiting)


def check(uow: UnitOfWork, _: object) -> None:
    """Add the jobs that send what is due, for a few people, and schedule the next check, a few seconds later at most."""
    due = {(row.user_id, row.channel): row.next_at for row in _DUE.all(uow.connection, {"_now": uow.now})}
    for (user_id, channel), next_at in itertools.islice(due.items(), PEOPLE_MAX):
        key = {"_user_id": user_id, "_channel": channel, "_now": uow.now}
        # A clock that was ahead may have sent the last message.
        if next_at is not None and uow.now < next_at <= uow.now + GROUPING:
            uow.connection.execute(_PUT_OFF_DUE, {**key, "due_at": next_at})
            continue
        # What is not due yet is included, since the next message has to wait.
        ids = [id for id in uow.connection.execute(_WAITING, key).scalars() if id != SENT]
        uow.connection.execute(_DELETE, {**key, "_ids": [*ids, SENT]})
        if ids and channel in uow.env.message_channels:
            payload = _MailJob(messageId=uow.new_id(), userId=user_id, notificationIds=ids)
            jobs.enqueue(uow, build_kind(channel), payload)
            row = {"user_id": user_id, "channel": channel, "notification_id": SENT, "is_digest": False}
            uow.connection.execute(_INSERT, {**row, "due_at": uow.now + GROUPING})
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
        for row in _UNREAD.all(uow.connection, {"_user_id": user_id, "_ids": job["notificationIds"]})
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
        items = load_items(uow, workspace_id, project_ids) if project_ids else {}
        names |= {id: name for id, (name, _) in items.items()}
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
