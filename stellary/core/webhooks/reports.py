"""Reports: what the worker tells the queue about the messages that it has sent, and what the queue gives it to send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from stellary.core.kernel.jobs import Job
from stellary.core.ports.webhook_sender import DeliveryResult


@attrs.frozen
class Message:
    """A message that waits.

    Attributes:
        payload: The exact text that is signed and sent.
        attempts: Earlier ones, as JSON.
        tries: Since it was asked for.
        queued_at: When it was asked for.
    """

    id: str
    payload: str
    attempts: list[object]
    tries: int
    queued_at: datetime


@attrs.frozen
class ClaimedWebhook:
    """A webhook whose messages this process alone sends.

    Attributes:
        job: The claimed job that says so.
        failures: How often the receiver has failed in a row: if it has, one message at a time is tried.
        messages: Those that were loaded last, the earliest first.
    """

    job: Job
    id: str
    url: str
    secret: str = attrs.field(repr=False)
    active: bool
    failures: int
    messages: Sequence[Message]


@attrs.frozen
class Sent:
    """A message that was sent, with what became of it."""

    message: Message
    at: datetime
    result: DeliveryResult


@attrs.frozen
class Report:
    """The outcome of a claimed webhook's messages since the last report.

    Attributes:
        failed: Whether sending has stopped because the receiver fails.
        answered: Whether the receiver has taken a message, or refused it for good.
        retry_after: Seconds that the receiver asks to wait.
        is_done: Whether none of the loaded messages is still to be sent, or being sent.
    """

    webhook: ClaimedWebhook
    sent: Sequence[Sent]
    failed: bool
    answered: bool
    retry_after: float | None
    is_done: bool


@attrs.frozen
class Settled:
    """The result of ``settle``.

    Attributes:
        noted: The ids of the webhooks whose report is in the database.
        claimed: Webhooks that were claimed, loaded again, or whose claim was renewed.
        ended: The ids of those that this process no longer sends for.
    """

    noted: set[str] = attrs.field(factory=set)
    claimed: dict[str, ClaimedWebhook] = attrs.field(factory=dict)
    ended: set[str] = attrs.field(factory=set)
