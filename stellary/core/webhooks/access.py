"""Access checks for a webhook and for one of its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import DeliveryRef, Ref, WebhookRef
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.webhooks.tables import deliveries, webhooks


def _to_webhook(source: FromClause) -> FromClause:
    return source.outerjoin(
        webhooks, and_(webhooks.c.workspace_id == WORKSPACE_ID, webhooks.c.id == bindparam("_webhook_id"))
    )


def _to_delivery(source: FromClause) -> FromClause:
    return _to_webhook(source).outerjoin(
        deliveries,
        and_(deliveries.c.webhook_id == webhooks.c.id, deliveries.c.id == bindparam("_delivery_id")),
    )


_WEBHOOK = through_workspace(*webhooks.c, joins=_to_webhook)
_DELIVERY = through_workspace(webhooks.c.id.label("of_webhook"), *deliveries.c, joins=_to_delivery)


def webhook(uow: UnitOfWork, ref: WebhookRef) -> Loaded[Any]:
    """Check access to a webhook; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such webhook.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _WEBHOOK, ref, _webhook_id=ref.webhook_id)
    check_role(uow, roles)
    if row.id is None:
        raise NotFound("Webhook not found")
    return Loaded(row, roles)


def delivery(uow: UnitOfWork, ref: DeliveryRef) -> Loaded[Any]:
    """Check access to a message of a webhook; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such webhook, or no such message of it.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(
        uow, _DELIVERY, ref, _webhook_id=ref.webhook_id, _delivery_id=ref.delivery_id
    )
    check_role(uow, roles)
    if row.of_webhook is None:
        raise NotFound("Webhook not found")
    if row.id is None:
        raise NotFound("Delivery not found")
    return Loaded(row, roles)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    WebhookRef: webhook,
    DeliveryRef: delivery,
}
