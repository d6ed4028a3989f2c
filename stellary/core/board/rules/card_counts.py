"""Tallies: cards as they are counted, and what is made of counts."""

from __future__ import annotations

from datetime import datetime

import attrs

from stellary.contract.cards import CardStatus, Priority


@attrs.frozen
class CardCount:
    """How many cards of a scope are alike in all this."""

    column_id: str
    status: CardStatus
    priority: Priority | None
    assignee_id: str | None
    label_ids: list[str]
    cards: int


@attrs.frozen
class Completion:
    """A card that was completed; archived or not."""

    card_id: str
    created_at: datetime
    completed_at: datetime


@attrs.frozen
class ScopeProgress:
    """How far a scope is. ``first`` and ``last`` are the dates of its cards."""

    scope_id: str
    name: str
    start_date: datetime | None
    due_date: datetime | None
    cards: int
    done: int
    first: datetime | None
    last: datetime | None


@attrs.frozen
class Since:
    """From when on is counted what was done, and what is due until when.

    Attributes:
        today: What was due before it is overdue.
        soon: What is due before it is due soon.
        week, month: What was completed since then was done in these days.
    """

    today: datetime
    soon: datetime
    week: datetime
    month: datetime


@attrs.frozen
class ProjectCardCount:
    """The cards of one column of a project that have one status.

    Attributes:
        cards, overdue, due_soon: Of those that are not archived.
        week, month: How many were completed in these days, archived or not.
    """

    project_id: str
    column_id: str
    status: CardStatus
    cards: int
    overdue: int
    due_soon: int
    week: int
    month: int


def percent(done: int, total: int) -> int:
    """How much of it is done, rounded down; nothing of nothing."""
    return 100 * done // total if total else 0
