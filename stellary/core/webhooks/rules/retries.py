"""Retries: the meaning of responses, and the times of further attempts, with increasing pauses for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from stellary.contract.webhooks import DeliveryStatus

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 40_000)
)
"""The pauses between attempts; eleven attempts in a day."""
DAY = sum(PAUSES, timedelta())
"""The time after which a message is given up, or a receiver that keeps failing."""
WEBHOOK_PAUSE_MAX = timedelta(minutes=10)
"""The longest pause of a webhook before another message is tried, so that a recovered receiver is noticed."""
ASKED_MAX = timedelta(hours=1)
FURTHEST = PAUSES[-1] + ASKED_MAX
"""The longest plausible pause. A later time was set by a clock that was ahead."""
_AGAIN = frozenset((408, 429))


@attrs.frozen
class AttemptOutcome:
    """The outcome of an attempt; ``again_at`` is the time of the next attempt for a pending message."""

    status: DeliveryStatus
    again_at: datetime | None = None


def outcome(
    status: int | None,
    tries: int,
    now: datetime,
    *,
    expired: bool = False,
    retry_after: float | None = None,
    final: bool = False,
) -> AttemptOutcome:
    """Return the outcome of an attempt.

    Any 2xx is a success. After 408, 429, 5xx and without a response, another attempt follows.

    Args:
        status: The status of the response; None without one.
        tries: The number of attempts since sending was requested, including this one.
        now: The time.
        expired: Whether a day has passed since the message was requested and the receiver began to fail.
        retry_after: Seconds that the receiver asks to wait.
        final: Whether another attempt is pointless.
    """
    if status is not None and 200 <= status < 300:
        return AttemptOutcome("succeeded")
    if not is_failure(status, final=final) or tries > len(PAUSES) or expired:
        return AttemptOutcome("failed")
    return AttemptOutcome("pending", now + max(PAUSES[tries - 1], _asked_pause(retry_after)))


def is_failure(status: int | None, *, final: bool) -> bool:
    """Return whether a receiver has failed, so that another attempt may succeed: no response, 408, 429 or 5xx.

    Args:
        status: The status of the response; None if there was none.
        final: Whether the attempt cannot succeed later, such as one to a forbidden address.
    """
    return not final and (status is None or status in _AGAIN or status >= 500)


def webhook_retry_at(failures: int, now: datetime, retry_after: float | None) -> datetime:
    """Return the time at which a webhook whose receiver has failed sends its next message.

    Args:
        failures: The number of consecutive failures of the receiver, from 1.
        now: The current time.
        retry_after: Seconds that the receiver asks to wait.
    """
    pause = min(PAUSES[min(failures, len(PAUSES)) - 1], WEBHOOK_PAUSE_MAX)
    return now + max(pause, _asked_pause(retry_after))


def _asked_pause(retry_after: float | None) -> timedelta:
    return min(ASKED_MAX, timedelta(seconds=max(0.0, min(retry_after or 0.0, 86_400.0))))
