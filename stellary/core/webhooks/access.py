"""Access checks for a webhook and for one of its messages."""

from __future__ import annotations

from stellary.contract.refs import DeliveryRef, WebhookRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, by_ref
from stellary.core.webhooks.row_types import LoadedDeliveryRow, LoadedWebhookRow
from stellary.core.webhooks.tables import deliveries, webhooks

_WEBHOOK = Link("Webhook", webhooks, "webhook_id", webhooks.c.workspace_id == WORKSPACE_ID)

webhook = AccessCheck(WebhookRef, LoadedWebhookRow, _WEBHOOK, columns=webhooks.c)
"""The access check for a webhook."""

delivery = AccessCheck(
    DeliveryRef,
    LoadedDeliveryRow,
    _WEBHOOK,
    Link("Delivery", deliveries, "delivery_id", deliveries.c.webhook_id == webhooks.c.id),
    columns=deliveries.c,
)
"""The access check for a message of a webhook."""

ACCESS_BY_REF = by_ref(webhook, delivery)
