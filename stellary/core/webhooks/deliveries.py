"""Deliveries: the messages of a webhook, written in the transaction of their activity, and sent until they arrive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update

from stellary.contract.errors import Conflict
from stellary.contract.refs import DeliveryRef, WebhookRef
from stellary.contract.webhooks import (
    LIST_DELIVERIES,
    REDELIVER,
    DeliveryAttempt,
    ListDeliveries,
    WebhookDelivery,
)
from stellary.contract.wire import UNSET, Listing, read
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import Pages, equals_unindexed
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.webhooks import access, queue
from stellary.core.webhooks.row_types import DeliveryRow
from stellary.core.webhooks.tables import deliveries

_FIELDS = RowFields(WebhookDelivery, deliveries, converted=("payload",), internal=("tries", "queued_at"))
_SHOWN = _FIELDS.columns
_OF_WEBHOOK = select(*_SHOWN).where(is_given(deliveries.c.webhook_id))
_HAS_STATUS = equals_unindexed(deliveries.c.status, bindparam("_status"))
_ALL, _OF_STATUS = (
    Pages(DeliveryRow, _OF_WEBHOOK, deliveries.c.id, newest_first=True, residual=residual)
    for residual in ([], [_HAS_STATUS])
)
_THIS = is_given(deliveries.c.id)
_AGAIN = Query(
    DeliveryRow,
    update(deliveries)
    .where(_THIS, deliveries.c.status != "pending", deliveries.c.payload != "")
    .values(status="pending", tries=0, queued_at=bindparam("_now"), next_attempt_at=bindparam("_now"))
    .returning(*_SHOWN),
)


@serves(LIST_DELIVERIES)
def list_deliveries(uow: UnitOfWork, ref: WebhookRef, request: ListDeliveries) -> Listing[WebhookDelivery]:
    """Return the messages of a webhook, newest first."""
    webhook = access.webhook(uow, ref).row

    def to_delivery(row: DeliveryRow) -> WebhookDelivery:
        return _delivery(row, webhook.retry_at)

    if request.status is UNSET:
        return _ALL.fetch(uow, request, to_delivery, _webhook_id=webhook.id)
    return _OF_STATUS.fetch(uow, request, to_delivery, _webhook_id=webhook.id, _status=request.status)


@serves(REDELIVER)
def redeliver(uow: UnitOfWork, ref: DeliveryRef) -> WebhookDelivery:
    """Send a message again. It is sent immediately, even if its receiver has failed.

    Raises:
        Conflict: The message is being delivered already, or its body has been deleted.
    """
    row = access.delivery(uow, ref).row
    if not row.payload:
        raise Conflict(
            "the message was delivered more than a day ago, and its body was deleted", code="body_deleted"
        )
    after = _AGAIN.first(uow.connection, {"_id": row.id, "_now": uow.now})
    if after is None:
        raise Conflict("the message is being delivered already", code="delivery_pending")
    queue.resume(uow, row.webhook_id)
    return _delivery(after, None)


def _delivery(row: DeliveryRow, retry_at: datetime | None) -> WebhookDelivery:
    next_attempt_at = row.next_attempt_at
    if next_attempt_at is not None and retry_at is not None:
        # A pending message may also be waiting for its failing receiver.
        next_attempt_at = max(next_attempt_at, retry_at)
    attempts = [read(DeliveryAttempt, attempt) for attempt in row.attempts]
    return _FIELDS.to_value(
        row, next_attempt_at=next_attempt_at, attempts=attempts, payload=row.payload or None
    )
