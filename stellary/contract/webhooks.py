"""Webhooks: signed HTTP notifications of workspace activity, with retries until they are delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.activities import ActivityType, WorkspaceEvent
from stellary.contract.endpoint import Collection, creates
from stellary.contract.limits import Items, Length, Secret
from stellary.contract.policies import WORKSPACE_ADMIN
from stellary.contract.refs import DeliveryRef, WebhookRef, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, Paged, RecordedItem, Request, Unset, Value

WEBHOOKS_MAX = 20
URL_MAX = 2_000

DeliveryStatus = Literal["pending", "succeeded", "failed"]
WebhookUrl = Annotated[str, Length(1, URL_MAX)]
WebhookEvents = Annotated[list[ActivityType], Items(0, 100)]


class Webhook(DatedItem):
    """A URL that receives the activity of a workspace.

    Attributes:
        events: The activity types that are sent; empty for all types, including those of future versions.
        active: Whether messages are sent at present.
    """

    workspace_id: str
    url: str
    events: list[ActivityType]
    active: bool
    created_by_id: str


class CreatedWebhook(Webhook):
    """A webhook that has just been created.

    Attributes:
        secret: The secret that signs its messages; only returned in this response.
    """

    secret: Annotated[str, Secret()]


class DeliveryAttempt(Value):
    """An attempt to deliver a message.

    Attributes:
        status_code: The HTTP status of the response; None if there was none.
        error: Why the attempt failed.
    """

    at: datetime
    status_code: int | None
    error: str | None
    duration_ms: int


class WebhookDelivery(RecordedItem):
    """A message and its delivery attempts.

    Attributes:
        id: The ``webhook-id`` of the message, the same for every attempt.
        event: The activity type.
        status: ``failed`` once there are no more attempts.
        attempts: The attempts so far, oldest first.
        next_attempt_at: The time of the next attempt; None if there is none.
        payload: The exact body that is sent. None from a day after the message was created, once it is delivered.
    """

    webhook_id: str
    event: ActivityType
    status: DeliveryStatus
    attempts: list[DeliveryAttempt]
    next_attempt_at: datetime | None
    payload: str | None


class WebhookMessage(Value):
    """The body of a message to a webhook.

    Attributes:
        type: The activity type.
        timestamp: When the activity occurred.
    """

    type: ActivityType
    timestamp: datetime
    data: WorkspaceEvent


class CreateWebhook(Request):
    """The fields of a new webhook. A workspace has at most 20.

    Attributes:
        url: ``https://…`` or ``http://…``; must resolve to a public address, and lead to port 80, 443 or one that the
            operator allows.
        events: Activity types. Default: all.
    """

    url: WebhookUrl
    events: WebhookEvents | Unset = UNSET
    active: bool = True


class UpdateWebhook(Request):
    """The fields to change. Omitted fields keep their values."""

    url: WebhookUrl | Unset = UNSET
    events: WebhookEvents | Unset = UNSET
    active: bool | Unset = UNSET


class ListDeliveries(Paged):
    """Filters for the deliveries of a webhook. The newest delivery comes first.

    Attributes:
        status: Only deliveries with this status.
    """

    status: DeliveryStatus | Unset = UNSET


_WEBHOOKS = Collection(WorkspaceRef, "webhooks", WebhookRef, Webhook)
_DELIVERIES = Collection(WebhookRef, "deliveries", DeliveryRef, WebhookDelivery)

CREATE_WEBHOOK = creates(
    "webhooks.create",
    WorkspaceRef,
    "webhooks",
    summary="Create a webhook that sends the workspace's activity to a URL. The secret is only returned in this response.",
    takes=CreateWebhook,
    returns=CreatedWebhook,
    policy=WORKSPACE_ADMIN,
)
LIST_WEBHOOKS = _WEBHOOKS.lists(
    "webhooks.list",
    summary="List the webhooks of a workspace, without their secrets.",
    policy=WORKSPACE_ADMIN,
)
UPDATE_WEBHOOK = _WEBHOOKS.updates(
    "webhooks.update",
    summary="Update, enable or disable a webhook. Disabling it discards its pending deliveries.",
    takes=UpdateWebhook,
    policy=WORKSPACE_ADMIN,
)
DELETE_WEBHOOK = _WEBHOOKS.deletes(
    "webhooks.delete",
    summary="Delete a webhook and its delivery log.",
    policy=WORKSPACE_ADMIN,
)
LIST_DELIVERIES = _DELIVERIES.lists(
    "webhooks.deliveries",
    summary="List the deliveries of a webhook, newest first. About the latest 1000 are kept.",
    takes=ListDeliveries,
    policy=WORKSPACE_ADMIN,
)
REDELIVER = _DELIVERIES.acts(
    "webhooks.redeliver",
    "redeliver",
    summary="Send a message again with the same id; failed attempts are retried for another day.",
    policy=WORKSPACE_ADMIN,
)
