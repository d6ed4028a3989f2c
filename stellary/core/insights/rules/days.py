"""Days in UTC, counted back from today. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stellary.contract.scope_views import DAYS_SHOWN
from stellary.core.board.rules.card_counts import Since

DAY = timedelta(days=1)
SOON, WEEK = 7, 7


def day_of(moment: datetime) -> str:
    """Return the day of a time, in the wire format."""
    return moment.astimezone(UTC).date().isoformat()


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the day of a time."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def first_day(now: datetime, days: int = DAYS_SHOWN) -> datetime:
    """Return the beginning of the first of the last days, of which today is the last one.

    Args:
        now: The current time.
        days: The number of days. Default: 30.
    """
    return midnight(now) - DAY * (days - 1)


def last_days(now: datetime, days: int = DAYS_SHOWN) -> list[str]:
    """Return the last days in the wire format, ending with today.

    Args:
        now: The current time.
        days: The number of days. Default: 30.
    """
    first = first_day(now, days)
    return [day_of(first + DAY * index) for index in range(days)]


def since(now: datetime) -> Since:
    """Return the times from and to which the portfolio counts.

    A card that is due today is not overdue before the day ends, since a date without a time means its midnight.
    """
    today = midnight(now)
    return Since(
        today=today,
        soon=today + DAY * (SOON + 1),
        week=first_day(now, WEEK),
        month=first_day(now, DAYS_SHOWN),
    )
