"""Retries: what an answer means, and when a message is sent again: for a day, ever more rarely."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from stellary.contract.webhooks import DeliveryStatus

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 40_000)
)
"""Between the tries: eleven of them in a day."""
ASKED_MAX = timedelta(hours=1)
_AGAIN = frozenset((408, 429))


@attrs.frozen
class Outcome:
    """What becomes of a message after a try; ``again_at`` is None unless it is still pending."""

    status: DeliveryStatus
    again_at: datetime | None = None


def outcome(
    status: int | None,
    tries: int,
    now: datetime,
    *,
    retry_after: float | None = None,
    final: bool = False,
) -> Outcome:
    """What becomes of a message.

    Any 2xx has taken it. It is tried again where that may help: without an answer, and on 408, 429 and 5xx.

    Args:
        status: That of the last answer; None without one.
        tries: How many there were since it was asked for, that one included.
        now: The moment.
        retry_after: Seconds that whoever answered asks to wait.
        final: Whether there is no use in it anyway.
    """
    if status is not None and 200 <= status < 300:
        return Outcome("succeeded")
    may_help = status is None or status in _AGAIN or status >= 500
    if final or not may_help or tries > len(PAUSES):
        return Outcome("failed")
    pause = PAUSES[tries - 1]
    if retry_after is not None:
        pause = max(pause, min(ASKED_MAX, timedelta(seconds=max(0.0, min(retry_after, 86_400.0)))))
    return Outcome("pending", now + pause)
