"""The outbox: messages are written in the transaction of their activities, so that exactly the committed ones are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, literal_column, select

from stellary.contract.activities import WorkspaceEvent
from stellary.contract.cards import Card
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import as_dict, dump
from stellary.core.accounts import people
from stellary.core.accounts.people import Person
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import ActivitiesRecorded, CommentDeleted, DocumentCommentDeleted
from stellary.core.kernel.retention import CountLimit, RetentionRule
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.purged_texts import enqueue_erasure
from stellary.core.notifications.rows import assignee_of, read_changes, read_via
from stellary.core.webhooks import queue
from stellary.core.webhooks.row_types import SubscriberRow
from stellary.core.webhooks.tables import HAS_BODY, deliveries, webhooks

DELIVERIES_MAX = 1_000

_ACTIVE_WEBHOOKS = Query(
    SubscriberRow,
    select(webhooks.c.id, webhooks.c.events).where(is_given(webhooks.c.workspace_id), webhooks.c.active),
)
_INSERT = insert(deliveries)
LIMIT = CountLimit(deliveries, "webhook_id", DELIVERIES_MAX, deliveries.c.status != "pending")
"""The limit of the messages of a webhook; pending ones stay."""
RETENTION = RetentionRule(
    deliveries,
    deliveries.c.created_at,
    lambda retention: timedelta(days=retention.delivery_days),
    deliveries.c.status != literal_column("'pending'"),
)
"""The rule for old messages; pending ones stay."""
BODY_RETENTION = RetentionRule(
    deliveries, deliveries.c.created_at, lambda _: timedelta(days=1), HAS_BODY, {"payload": ""}
)
"""The rule for the bodies of messages that were delivered. They cannot be sent again then."""


def write_messages(uow: UnitOfWork, events: Sequence[ActivitiesRecorded]) -> None:
    """Write a message for each activity and each webhook that subscribes to its type.

    Args:
        events: The activities that the unit has recorded, by workspace.
    """
    for event in events:
        webhook_rows = _ACTIVE_WEBHOOKS.all(uow.connection, {"_workspace_id": event.workspace_id})
        if webhook_rows:
            _write(uow, event, webhook_rows)


def _write(uow: UnitOfWork, event: ActivitiesRecorded, webhook_rows: Sequence[SubscriberRow]) -> None:
    assignee_ids = {card.assignee_id for card in event.cards.values() if card.assignee_id}
    people_by_id = people.load_people(uow, {row["actor_id"] for row in event.rows} | assignee_ids)
    delivery_rows: list[dict[str, Any]] = []
    for row in event.rows:
        subscribers = [
            hook
            for hook in webhook_rows
            # A webhook gets no messages about itself, such as its creation.
            if (not hook.events or row["type"] in hook.events) and hook.id != row["entity_id"]
        ]
        if subscribers:
            comment = event.comments.get(row["entity_id"])
            payload = _payload(row, event.cards.get(row["card_id"]), people_by_id, comment)
            delivery_rows += [_delivery(uow, hook.id, row["type"], payload) for hook in subscribers]
    if not delivery_rows:
        return
    queue_rows(uow.connection, _INSERT, delivery_rows)
    queue.enqueue(uow, sorted({delivery["webhook_id"] for delivery in delivery_rows}))
    LIMIT.apply(uow, delivery_rows)


def erase_comments(uow: UnitOfWork, events: Sequence[CommentDeleted | DocumentCommentDeleted]) -> None:
    """Erase deleted comments from stored messages, since no copy of their texts may remain outside of the trash.

    Args:
        events: The deletions.
    """
    for event in events:
        if event.workspace_id not in uow.workspaces_without_subscribers:
            id = event.comment_id if isinstance(event, CommentDeleted) else event.comment.id
            enqueue_erasure(uow, event.workspace_id, [id])


def _payload(
    row: Mapping[str, Any],
    card: Card | None,
    people_by_id: Mapping[str, Person],
    comment: Comment | DocumentComment | None,
) -> str:
    actor = people_by_id.get(row["actor_id"])
    fields = {
        **row,
        "changes": read_changes(row["changes"]),
        "via": read_via(row["via"]),
        "actor_name": None if actor is None else actor.name,
        "card": card,
        "assignee": assignee_of(card, people_by_id),
        "comment": None if comment is None else as_dict(comment),
    }
    data = WorkspaceEvent(**fields)
    return dump(WebhookMessage(type=row["type"], timestamp=row["created_at"], data=data)).decode()


def _delivery(uow: UnitOfWork, webhook_id: str, event: str, payload: str) -> dict[str, Any]:
    return {
        "id": uow.new_id(),
        "webhook_id": webhook_id,
        "event": event,
        "payload": payload,
        "status": "pending",
        "attempts": [],
        "tries": 0,
        "queued_at": uow.now,
        "next_attempt_at": uow.now,
        "created_at": uow.now,
    }
