"""Card counts: the groups in which cards are counted, and percentages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from stellary.contract.cards import CardStatus, Priority


@attrs.frozen
class CardCount:
    """The number of cards of a scope with the same values in all of these fields, and the sum of their estimates."""

    column_id: str
    status: CardStatus
    priority: Priority | None
    assignee_id: str | None
    label_ids: list[str]
    cards: int
    estimate: float | None = None


@attrs.frozen
class CardState:
    """The state of a card that determines in which counts of a flow it is.

    Attributes:
        column_id: The column; None if it is not recorded.
        estimate: In hundredths; 0 without an estimate.
    """

    column_id: str | None
    is_done: bool
    archived: bool
    estimate: int = 0


@attrs.frozen
class Completion:
    """A completed card, archived or not."""

    card_id: str
    created_at: datetime
    completed_at: datetime


@attrs.frozen
class ScopeProgress:
    """The progress of a scope. ``first`` and ``last`` are the dates of its cards."""

    scope_id: str
    name: str
    start_date: datetime | None
    due_date: datetime | None
    cards: int
    done: int
    first: datetime | None
    last: datetime | None
    estimate: float | None = None


@attrs.frozen
class Since:
    """The boundaries of the periods in which cards are counted.

    Attributes:
        today: Open cards with an earlier due date are overdue.
        soon: Open cards with an earlier due date are due soon, unless they are overdue.
        week, month: Cards that were completed at this time or later count as completed in the last week or month.
    """

    today: datetime
    soon: datetime
    week: datetime
    month: datetime


@attrs.frozen
class ProjectCardCount:
    """The number of cards of one status in one column of a project, or of those that are due or completed in a period.

    Attributes:
        column_id: Empty for the counts of periods.
        cards, overdue, due_soon: The number of unarchived ones.
        week, month: The number of cards completed in that period, archived or not.
        estimate: The sum of the estimates of the unarchived cards of the column, which has no other count beside it.
    """

    project_id: str
    column_id: str
    status: CardStatus
    cards: int
    overdue: int
    due_soon: int
    week: int
    month: int
    estimate: float | None = None


def add_estimates(estimates: Iterable[float | None]) -> float | None:
    """Return the exact sum of estimates; None if there are none."""
    numbers = [estimate for estimate in estimates if estimate is not None]
    return round(sum(numbers), 2) if numbers else None


def percent(done: int, total: int) -> int:
    """Return the completed share in percent, rounded down; 0 if there are no cards.

    Args:
        done: The number of completed cards.
        total: The number of all cards.
    """
    return 100 * done // total if total else 0
