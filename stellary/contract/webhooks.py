"""Webhooks: what happens in a workspace, told to other systems by HTTP, signed, and told again until it has arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.activities import Activity, ActivityType
from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, updates
from stellary.contract.limits import Items, Length, Secret
from stellary.contract.paging import Paged
from stellary.contract.policies import WORKSPACE_ADMIN
from stellary.contract.refs import DeliveryRef, WebhookRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

WEBHOOKS_MAX = 20
URL_MAX = 2_000

DeliveryStatus = Literal["pending", "succeeded", "failed"]
WebhookUrl = Annotated[str, Length(1, URL_MAX)]
WebhookEvents = Annotated[list[ActivityType], Items(0, 100)]


@value
class Webhook(Value):
    """Where what happens in a workspace is told.

    Attributes:
        events: Which types of activity; empty for all, those of later versions too.
        active: Whether anything is told at the moment.
    """

    id: str
    workspace_id: str
    url: str
    events: list[ActivityType]
    active: bool
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@value
class CreatedWebhook(Webhook):
    """A webhook that has just been made.

    Attributes:
        secret: What its messages are signed with, shown this once.
    """

    secret: Annotated[str, Secret()]


@value
class DeliveryAttempt(Value):
    """One try.

    Attributes:
        status_code: What was answered; None if nothing was.
        error: Why not, or why it does not count.
    """

    at: datetime
    status_code: int | None
    error: str | None
    duration_ms: int


@value
class WebhookDelivery(Value):
    """A message and what became of it.

    Attributes:
        id: The ``webhook-id`` of the message, the same at each try.
        event: The type of the activity.
        status: ``failed`` once it is not tried any more.
        attempts: The tries, the oldest first.
        next_attempt_at: When it is tried again; None if it is not.
        payload: The exact text that is sent.
    """

    id: str
    webhook_id: str
    event: ActivityType
    status: DeliveryStatus
    attempts: list[DeliveryAttempt]
    next_attempt_at: datetime | None
    payload: str
    created_at: datetime


@value
class WebhookMessage(Value):
    """What a receiver is sent.

    Attributes:
        type: The type of the activity.
        timestamp: When it happened.
    """

    type: ActivityType
    timestamp: datetime
    data: Activity


@request
class CreateWebhook(Request):
    """A webhook to be; a workspace has 20 at most.

    Attributes:
        url: ``https://…`` or ``http://…``, of a public address.
        events: Types of activity; all if none is named.
    """

    url: WebhookUrl
    events: WebhookEvents | Unset = UNSET
    active: bool = True


@request
class UpdateWebhook(Request):
    """What is not named stays."""

    url: WebhookUrl | Unset = UNSET
    events: WebhookEvents | Unset = UNSET
    active: bool | Unset = UNSET


@request
class ListDeliveries(Paged):
    """Which deliveries, newest first.

    Attributes:
        status: Only those.
    """

    status: DeliveryStatus | Unset = UNSET


CREATE_WEBHOOK = creates(
    "webhooks.create",
    WorkspaceRef,
    "webhooks",
    summary="Have what happens in the workspace told to a URL; the secret is in this answer and never shown again.",
    takes=CreateWebhook,
    returns=CreatedWebhook,
    policy=WORKSPACE_ADMIN,
    keeps_secret=True,
)
LIST_WEBHOOKS = lists(
    "webhooks.list",
    WorkspaceRef,
    "webhooks",
    summary="List the webhooks of a workspace, without their secrets.",
    takes=Paged,
    item=Webhook,
    policy=WORKSPACE_ADMIN,
)
UPDATE_WEBHOOK = updates(
    "webhooks.update",
    WebhookRef,
    summary="Change a webhook, or turn it on or off; what waits to be delivered by one that is off is given up.",
    takes=UpdateWebhook,
    returns=Webhook,
    policy=WORKSPACE_ADMIN,
)
DELETE_WEBHOOK = deletes(
    "webhooks.delete",
    WebhookRef,
    summary="Delete a webhook, with the log of its deliveries.",
    returns=Ok,
    policy=WORKSPACE_ADMIN,
)
LIST_DELIVERIES = lists(
    "webhooks.deliveries",
    WebhookRef,
    "deliveries",
    summary="List what a webhook has told, newest first; about the last thousand.",
    takes=ListDeliveries,
    item=WebhookDelivery,
    policy=WORKSPACE_ADMIN,
)
REDELIVER = acts(
    "webhooks.redeliver",
    DeliveryRef,
    "redeliver",
    summary="Send a message again, with the same id, for another day if need be.",
    returns=WebhookDelivery,
    policy=WORKSPACE_ADMIN,
)

ENDPOINTS = (
    CREATE_WEBHOOK,
    LIST_WEBHOOKS,
    UPDATE_WEBHOOK,
    DELETE_WEBHOOK,
    LIST_DELIVERIES,
    REDELIVER,
)
