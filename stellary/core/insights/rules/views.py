"""The rules of views: which cards stand where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.scope_views import (
    CalendarDay,
    CalendarView,
    CardBar,
    KanbanColumn,
    KanbanView,
    RoadmapView,
    ScopeBar,
)
from stellary.core.board.rules.card_counts import ScopeProgress, percent

Cards = Sequence[Card]


def kanban(columns: Sequence[Column], cards: Mapping[str, Cards]) -> KanbanView:
    """All columns, each with its cards.

    Args:
        columns: By place.
        cards: By the id of their column.
    """
    return KanbanView(
        columns=[KanbanColumn(column=each, cards=_told(cards.get(each.id, []))) for each in columns]
    )


def calendar(cards: Mapping[str | None, Cards]) -> CalendarView:
    """The days on which cards are due, the earliest first.

    Args:
        cards: By the day on which they are due; None for those that are due on none.
    """
    days = sorted(day for day in cards if day is not None)
    return CalendarView(
        days=[CalendarDay(day=day, cards=_told(cards[day])) for day in days],
        without_due_date=len(cards.get(None, [])),
    )


def roadmap(scopes: Sequence[ScopeProgress], cards: Cards) -> RoadmapView:
    """Scopes and cards as bars; what has one date only is a bar of no length."""
    bars = [bar for card in cards if (bar := card_bar(card)) is not None]
    bars.sort(key=lambda bar: (bar.start, bar.end))
    return RoadmapView(scopes=list(map(scope_bar, scopes)), cards=bars, undated=len(cards) - len(bars))


def scope_bar(scope: ScopeProgress) -> ScopeBar:
    """A scope from its start to its due date.

    Where it has no start, it starts with the first of its cards that has a date, and where it is due at no time, it
    ends with the last one; but never the wrong way round.
    """
    firsts = [each for each in (scope.first, scope.due_date) if each is not None]
    lasts = [each for each in (scope.last, scope.start_date) if each is not None]
    return ScopeBar(
        scope_id=scope.scope_id,
        name=scope.name,
        start=scope.start_date or min(firsts, default=None),
        end=scope.due_date or max(lasts, default=None),
        cards=scope.cards,
        percent_done=percent(scope.done, scope.cards),
    )


def card_bar(card: Card) -> CardBar | None:
    """A card from its start to its due date; None if it has neither."""
    start, end = card.start_date or card.due_date, card.due_date or card.start_date
    if start is None or end is None:
        return None
    return CardBar(
        card_id=card.id,
        key=card.key,
        title=card.title,
        column_id=card.column_id,
        status=card.status,
        assignee_id=card.assignee_id,
        start=start,
        end=end,
    )


def _told(cards: Cards) -> list[Card]:
    # It can all that the reader of an answer may ask of a list.
    return cast("list[Card]", cards)
