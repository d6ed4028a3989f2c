"""Deliveries: the messages of a webhook, written with the change that they tell, and sent until they have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, select, update

from stellary.contract.errors import Conflict
from stellary.contract.paging import Listing
from stellary.contract.refs import DeliveryRef, WebhookRef
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.contract.unset import UNSET
from stellary.contract.webhooks import (
    LIST_DELIVERIES,
    REDELIVER,
    DeliveryAttempt,
    ListDeliveries,
    WebhookDelivery,
)
from stellary.contract.wire import as_dict, read, wire_fields
from stellary.core import jobs
from stellary.core.courier import Parcel, Receipt
from stellary.core.paging import Pages
from stellary.core.unit import NOBODY, UnitOfWork, serves
from stellary.core.webhooks import access
from stellary.core.webhooks.rules.retries import outcome
from stellary.core.webhooks.tables import deliveries, webhooks

if TYPE_CHECKING:
    from stellary.core.app import Core

DELIVER = "webhooks.deliver"
ATTEMPTS_KEPT = 50
ERROR_MAX = 300
TURNED_OFF = "the webhook is turned off"

_FIELDS = [field.name for field in wire_fields(WebhookDelivery).values()]
_SHOWN = tuple(deliveries.c[name] for name in _FIELDS)
_OF_WEBHOOK = select(*_SHOWN).where(deliveries.c.webhook_id == bindparam("_webhook_id"))
_LIST = Pages(_OF_WEBHOOK, deliveries.c.id, newest_first=True)
_LIST_STATUS = Pages(
    _OF_WEBHOOK.where(deliveries.c.status == bindparam("_status")), deliveries.c.id, newest_first=True
)
_THIS = deliveries.c.id == bindparam("_id")
_TO_SEND = (
    select(deliveries, webhooks.c.url, webhooks.c.secret, webhooks.c.active)
    .join_from(deliveries, webhooks)
    .where(_THIS, deliveries.c.status == "pending")
)
_HELD = select(deliveries).where(_THIS).with_for_update()
_UPDATE = update(deliveries).where(_THIS)
_AGAIN = (
    update(deliveries)
    .where(_THIS, deliveries.c.status != "pending")
    .values(status="pending", tries=0, next_attempt_at=bindparam("_now"))
    .returning(*_SHOWN)
)


@serves(LIST_DELIVERIES)
def list_deliveries(uow: UnitOfWork, ref: WebhookRef, request: ListDeliveries) -> Listing[WebhookDelivery]:
    """What a webhook has told, newest first."""
    webhook = access.webhook(uow, ref).row
    if request.status is UNSET:
        return _LIST.fetch(uow, request, _delivery, _webhook_id=webhook.id)
    return _LIST_STATUS.fetch(uow, request, _delivery, _webhook_id=webhook.id, _status=request.status)


@serves(REDELIVER)
def redeliver(uow: UnitOfWork, ref: DeliveryRef) -> WebhookDelivery:
    """Send a message again.

    Raises:
        Conflict: It is being delivered anyway.
    """
    row = access.delivery(uow, ref).row
    after = uow.connection.execute(_AGAIN, {"_id": row.id, "_now": uow.now}).first()
    if after is None:
        raise Conflict("it is being delivered", code="delivery_pending")
    jobs.enqueue(uow, DELIVER, {"deliveryId": row.id})
    return _delivery(after)


def _delivery(row: Row[Any]) -> WebhookDelivery:
    found = {name: getattr(row, name) for name in _FIELDS}
    return WebhookDelivery(**found | {"attempts": [read(DeliveryAttempt, each) for each in row.attempts]})


# ---------------------------------------------------------------------------------------------- on its way


def send(core: Core, payload: Any) -> Receipt | None:
    """Send a message once; None if there is nothing to send any more. No transaction is open while it is on its way."""
    with core.view(NOBODY) as uow:
        row = uow.connection.execute(_TO_SEND, {"_id": payload["deliveryId"]}).first()
    if row is None:
        return None
    if not row.active:
        return Receipt(error=TURNED_OFF, final=True)
    assert core.courier is not None
    body = row.payload.encode()
    timestamp = int(core.clock().timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "Stellary-Webhooks/1",
        ID_HEADER: row.id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: signature(row.secret, row.id, timestamp, body),
    }
    return core.courier(Parcel(row.url, headers, body, core.private_webhooks))


def note(uow: UnitOfWork, payload: Any, receipt: Receipt | None) -> None:
    """Note what became of a message, and have it sent again later where that may help."""
    row = uow.connection.execute(_HELD, {"_id": payload["deliveryId"]}).first()
    if row is None or receipt is None:
        return
    tries = row.tries + 1
    found = outcome(receipt.status, tries, uow.now, retry_after=receipt.retry_after, final=receipt.final)
    error = receipt.error
    attempt = DeliveryAttempt(
        at=uow.now,
        status_code=receipt.status,
        error=None if error is None else error[:ERROR_MAX],
        duration_ms=receipt.duration_ms,
    )
    changes = {
        "status": found.status,
        "tries": tries,
        "attempts": [*row.attempts, as_dict(attempt)][-ATTEMPTS_KEPT:],
        "next_attempt_at": found.again_at,
    }
    uow.connection.execute(_UPDATE, {**changes, "_id": row.id})
    if found.again_at is not None:
        jobs.enqueue(uow, DELIVER, payload, due_at=found.again_at)
