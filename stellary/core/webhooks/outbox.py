"""The outbox: messages are written in the transaction of what they tell, so that none is lost and none is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from stellary.contract.activities import Activity
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import dump
from stellary.core.accounts import people
from stellary.core.kernel.events import ActivitiesRecorded
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.webhooks import queue
from stellary.core.webhooks.tables import deliveries, webhooks

KEPT = 1_000
FORGETS_EVERY = 100

_LISTENING = select(webhooks.c.id, webhooks.c.events).where(
    webhooks.c.workspace_id == bindparam("_workspace_id"), webhooks.c.active
)
_INSERT = insert(deliveries)
_old = deliveries.alias("old")
_FORGET = delete(deliveries).where(
    deliveries.c.webhook_id == bindparam("_webhook_id"),
    # What has not arrived yet is no history.
    deliveries.c.status != "pending",
    deliveries.c.id
    <= select(_old.c.id)
    .where(_old.c.webhook_id == bindparam("_webhook_id"))
    .order_by(_old.c.id.desc())
    .limit(1)
    .offset(KEPT)
    .scalar_subquery(),
)


def keep(uow: UnitOfWork, events: Sequence[ActivitiesRecorded]) -> None:
    """Write down what is to be told, to each webhook that listens."""
    for event in events:
        if event.workspace_id in uow.workspaces_without_subscribers:
            continue
        listening = uow.connection.execute(_LISTENING, {"_workspace_id": event.workspace_id}).fetchall()
        if listening:
            _write(uow, event, listening)


def _write(uow: UnitOfWork, event: ActivitiesRecorded, listening: Sequence[Any]) -> None:
    known = people.known(uow, {row["actor_id"] for row in event.rows})
    made: list[dict[str, Any]] = []
    for row in event.rows:
        wanted = [hook for hook in listening if not hook.events or row["type"] in hook.events]
        if wanted:
            actor = known.get(row["actor_id"])
            payload = _payload(row, None if actor is None else actor.name)
            made += [_delivery(uow, hook.id, row["type"], payload) for hook in wanted]
    if not made:
        return
    uow.connection.execute(_INSERT, made)
    queue.enqueue(uow, sorted({delivery["webhook_id"] for delivery in made}))
    for webhook_id in {each["webhook_id"] for each in made if int(each["id"], 16) % FORGETS_EVERY == 0}:
        forget(uow, webhook_id)


def _payload(row: Mapping[str, Any], actor_name: str | None) -> str:
    data = Activity(**row, actor_name=actor_name)
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


def forget(uow: UnitOfWork, webhook_id: str) -> None:
    """Keep the newest thousand messages of a webhook, and whatever has not arrived yet."""
    uow.connection.execute(_FORGET, {"_webhook_id": webhook_id})
