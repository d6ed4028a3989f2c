"""Reports: the results that the worker passes to the queue, and the messages that it receives from the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from stellary.core.kernel.jobs import Job
from stellary.core.ports.webhook_sender import DeliveryResult
from stellary.core.webhooks.row_types import PendingMessageRow


@attrs.frozen
class ClaimedWebhook:
    """A webhook that this process has claimed: no other process sends its messages.

    Attributes:
        job: The claimed job.
        failures: The number of consecutive failures of the receiver. If it is not 0, one message at a time is tried.
        messages: The messages that were loaded last, the earliest first.
    """

    job: Job
    id: str
    url: str
    secret: str = attrs.field(repr=False)
    active: bool
    failures: int
    messages: Sequence[PendingMessageRow]


@attrs.frozen
class Sent:
    """A message that was sent, with the result."""

    message: PendingMessageRow
    at: datetime
    result: DeliveryResult


@attrs.frozen
class DeliveryReport:
    """The outcome of a claimed webhook's messages since the last report.

    Attributes:
        failed: Whether sending has stopped because the receiver fails.
        answered: Whether the receiver has accepted a message, or permanently rejected it.
        retry_after: Seconds that the receiver asks to wait.
        is_done: Whether all loaded messages have been sent.
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
        noted: The ids of the webhooks whose report has been recorded.
        claimed: The webhooks that were newly claimed, got further messages, or whose claim was renewed.
        ended: The ids of the webhooks whose claim has ended.
    """

    noted: set[str] = attrs.field(factory=set)
    claimed: dict[str, ClaimedWebhook] = attrs.field(factory=dict)
    ended: set[str] = attrs.field(factory=set)
