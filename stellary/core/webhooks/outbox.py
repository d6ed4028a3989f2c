"""The outbox: messages are written in the transaction of their activities, so that exactly the committed ones are sent.

A job removes addresses, the names of deleted accounts, and the texts of purged items from stored messages, in batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, insert, literal_column, select, update

from stellary.contract.activities import WorkspaceEvent
from stellary.contract.cards import Card
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import JsonObject, as_dict, dump
from stellary.core.accounts import people
from stellary.core.accounts.people import Person
from stellary.core.accounts.rules import FORMER_NAME
from stellary.core.accounts.users import digest_address
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import ActivitiesRecorded, CommentDeleted, DocumentCommentDeleted
from stellary.core.kernel.retention import CountLimit, RetentionRule
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.erasure import (
    ERASE_MESSAGES,
    FORMER_ADDRESS,
    Erasure,
    find_names,
    forget_changes,
    forget_item,
    forget_member,
    forget_meta,
)
from stellary.core.notifications.purged_texts import enqueue_erasure, purge_meta
from stellary.core.notifications.rows import assignee_of, read_changes, read_via
from stellary.core.notifications.rules import PURGED
from stellary.core.webhooks import queue
from stellary.core.webhooks.row_types import StoredMessageRow, SubscriberRow
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
BATCH_MAX: Final = 500
"""The number of messages that a transaction reads at most."""
JOINED_MAX: Final = 100
"""The number of other jobs among which those of the same workspace are joined with one that begins."""
_READ = Query(
    StoredMessageRow,
    select(deliveries.c.id, deliveries.c.payload)
    .where(
        deliveries.c.webhook_id.in_(select(webhooks.c.id).where(is_given(webhooks.c.workspace_id))),
        deliveries.c.id > bindparam("_after"),
        deliveries.c.payload != "",
    )
    .order_by(deliveries.c.id)
    .limit(BATCH_MAX),
)
_REVISE = update(deliveries).where(is_given(deliveries.c.id))


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


def erase_batch(uow: UnitOfWork, payload: Erasure) -> None:
    """Remove a person or the texts of items from the next messages, and schedule the removal from those after them.

    Args:
        uow: The unit of the job.
        payload: The payload of the job.
    """
    if "itemIds" in payload and not payload["after"]:
        payload = {**payload, "itemIds": [*payload["itemIds"], *_join_jobs(uow, payload["workspaceId"])]}
    rows = _READ.all(uow.connection, {"_workspace_id": payload["workspaceId"], "_after": payload["after"]})
    revised = []
    for row in rows:
        message = orjson.loads(row.payload)
        data = message["data"]
        data = _forget_texts(data, {*payload["itemIds"]}) if "itemIds" in payload else _forget(data, payload)
        if data != message["data"]:
            revised.append({"_id": row.id, "payload": orjson.dumps({**message, "data": data}).decode()})
    if revised:
        uow.connection.execute(_REVISE, revised)
    if len(rows) == BATCH_MAX:
        jobs.enqueue(uow, ERASE_MESSAGES, {**payload, "after": rows[-1].id})


def _join_jobs(uow: UnitOfWork, workspace_id: str) -> list[str]:
    """Delete jobs that would read the messages of a workspace again from the first one, and return their items."""
    joined = [
        job
        for job in jobs.lock_due(uow.connection, ERASE_MESSAGES, uow.now, limit=JOINED_MAX)
        if "itemIds" in job.payload
        and (job.payload["workspaceId"], job.payload["after"]) == (workspace_id, "")
    ]
    jobs.delete_locked(uow.connection, joined)
    return [id for job in joined for id in job.payload["itemIds"]]


def _forget_texts(data: JsonObject, ids: set[str]) -> JsonObject:
    """Return the data of a message without the texts of items."""
    meta, is_comment = data["meta"], data["entity"] in ("comment", "document_comment")
    item_id = None if is_comment else data["entityId"]
    # A message about a member names the project. A card may have left it.
    if ids.intersection((data["cardId"] or data["projectId"], meta.get("documentId"), item_id)):
        texts = dict.fromkeys(("card", "item", "comment"))
        return {**data, **texts, "changes": [], "meta": purge_meta(meta)}
    if is_comment and data["entityId"] in ids:
        return {**data, "comment": None}
    if meta.get("otherCardId") in ids:
        return {**data, "meta": {**meta, "otherCardTitle": PURGED}}
    return data


def _forget(data: JsonObject, erasure: Erasure) -> JsonObject:
    """Return the data of a message without a person."""
    user_id, name = erasure["userId"], erasure["name"]
    meta, changes, item, assignee = (data[field] for field in ("meta", "changes", "item", "assignee"))
    if data["entity"] == "invitation" and digest_address(meta["name"]) == erasure["addressDigest"]:
        meta, item = {**meta, "name": FORMER_ADDRESS}, None
    if data["entity"] in ("member", "workspace_member") and data["entityId"] == user_id:
        item = None
        if name is not None:
            meta, changes = forget_member(meta, changes, user_id)
    if assignee is not None and assignee["userId"] == user_id:
        assignee = {**assignee, "email": FORMER_ADDRESS, "name": FORMER_NAME if name else assignee["name"]}
    data = {**data, "meta": meta, "changes": changes, "item": item, "assignee": assignee}
    if name is None:
        return data
    data["meta"] = forget_meta(meta, find_names(changes or (), user_id) | {name})
    data["changes"] = changes and forget_changes(changes, user_id)
    for field in ("item", "card", "comment"):
        data[field] = forget_item(data.get(field), user_id)
    # The data have the id and the name of the actor, as an item has those of its author.
    return forget_item(data, user_id) or {}
