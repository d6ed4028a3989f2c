"""Days: in UTC, from midnight to midnight, counted back from today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stellary.contract.scope_views import DAYS_SHOWN
from stellary.core.board.rules.card_counts import Since

DAY = timedelta(days=1)
SOON, WEEK = 7, 7


def day_of(moment: datetime) -> str:
    """The day of a moment, as the wire has it."""
    return moment.astimezone(UTC).date().isoformat()


def midnight(moment: datetime) -> datetime:
    """When the day of a moment began."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def first_day(now: datetime, days: int = DAYS_SHOWN) -> datetime:
    """When the first of so many days began, of which today is the last."""
    return midnight(now) - DAY * (days - 1)


def last_days(now: datetime, days: int = DAYS_SHOWN) -> list[str]:
    """So many days, today the last of them."""
    first = first_day(now, days)
    return [day_of(first + DAY * index) for index in range(days)]


def since(now: datetime) -> Since:
    """From when to when the portfolio counts.

    What is due today is not overdue before the day is over, since a date without a time means its midnight.
    """
    today = midnight(now)
    return Since(
        today=today,
        soon=today + DAY * (SOON + 1),
        week=first_day(now, WEEK),
        month=first_day(now, DAYS_SHOWN),
    )
