"""The rows of webhooks, as their statements select them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stellary.contract.activities import ActivityType
from stellary.core.db.row_types import RowType


class WebhookRow(RowType):
    """A webhook, as its admins see it."""

    id: str
    workspace_id: str


class LoadedWebhookRow(WebhookRow):
    """A webhook, with the time at which a failing receiver is tried again."""

    retry_at: datetime | None


class SubscriberRow(RowType):
    """An active webhook, with the activity types that it subscribes to; an empty list means all types."""

    id: str
    events: list[ActivityType]


class LockedWebhookRow(RowType):
    """A locked webhook, with the job that sends its messages."""

    id: str
    url: str
    secret: str
    active: bool
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    job_id: str | None
    claim_id: str | None
    claimed_until: datetime | None
    trash_id: str | None


class StoredMessageRow(RowType):
    """A message, whatever has become of it."""

    id: str
    payload: str


class PendingMessageRow(RowType):
    """A pending message.

    Attributes:
        payload: The exact text that is signed and sent.
        attempts: The earlier attempts, as JSON.
        tries: The number of attempts since sending was last requested.
        queued_at: When sending was last requested.
    """

    id: str
    payload: str
    attempts: list[Any]
    tries: int
    queued_at: datetime


class DeliveryRow(RowType):
    """A message of a webhook; further columns are read by the name of a field."""

    id: str
    attempts: list[Any]
    next_attempt_at: datetime | None
    payload: str


class LoadedDeliveryRow(DeliveryRow):
    """A message of a webhook, with the webhook."""

    webhook_id: str
