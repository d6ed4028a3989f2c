"""Retries: what an answer means, and when a message is sent again: for a day, ever more rarely."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from stellary.contract.webhooks import DeliveryStatus

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 40_000)
)
"""Between the tries: eleven of them in a day."""
DAY = sum(PAUSES, timedelta())
"""How long a message is tried, or waits for a receiver that fails all the time."""
WEBHOOK_PAUSE_MAX = timedelta(minutes=10)
"""How long a webhook waits before another message is tried: a receiver that is back is noticed by then."""
ASKED_MAX = timedelta(hours=1)
FURTHEST = PAUSES[-1] + ASKED_MAX
"""Nothing waits for longer: a moment beyond that was set by a clock that was ahead."""
_AGAIN = frozenset((408, 429))


@attrs.frozen
class Outcome:
    """The outcome of a try; ``again_at`` is the time of the next try of a pending message."""

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
) -> Outcome:
    """Return the outcome of a try.

    Any 2xx is a success. Another try follows if it may help: without an answer, and after 408, 429 and 5xx.

    Args:
        status: The status of the answer; None without one.
        tries: The number of tries since the message was requested, including this one.
        now: The time.
        expired: Whether the message and its receiver have been tried for a day.
        retry_after: Seconds that the receiver asks to wait.
        final: Whether another try is useless.
    """
    if status is not None and 200 <= status < 300:
        return Outcome("succeeded")
    if not is_failure(status, final=final) or tries > len(PAUSES) or expired:
        return Outcome("failed")
    return Outcome("pending", now + max(PAUSES[tries - 1], _asked_pause(retry_after)))


def is_failure(status: int | None, *, final: bool) -> bool:
    """Return whether a receiver has failed, so that another try may help: it gave no answer, 408, 429 or 5xx."""
    return not final and (status is None or status in _AGAIN or status >= 500)


def webhook_retry_at(failures: int, now: datetime, retry_after: float | None) -> datetime:
    """Return when a webhook whose receiver has failed sends its next message.

    Args:
        failures: How often the receiver has failed in a row; 1 or more.
        now: The moment.
        retry_after: Seconds that the receiver asks to wait.
    """
    pause = min(PAUSES[min(failures, len(PAUSES)) - 1], WEBHOOK_PAUSE_MAX)
    return now + max(pause, _asked_pause(retry_after))


def _asked_pause(retry_after: float | None) -> timedelta:
    return min(ASKED_MAX, timedelta(seconds=max(0.0, min(retry_after or 0.0, 86_400.0))))
