"""Rules of views: the arrangement of cards. Pure functions."""

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


def build_kanban(columns: Sequence[Column], cards: Mapping[str, Sequence[Card]]) -> KanbanView:
    """Return all columns with their cards.

    Args:
        columns: The columns by position.
        cards: Cards by column id.
    """
    return KanbanView(
        columns=[KanbanColumn(column=column, cards=_as_list(cards.get(column.id, []))) for column in columns]
    )


def build_calendar(cards: Mapping[str | None, Sequence[Card]]) -> CalendarView:
    """Return the days on which cards are due, in ascending order.

    Args:
        cards: Cards by due day; None for cards without due date.
    """
    days = sorted(day for day in cards if day is not None)
    return CalendarView(
        days=[CalendarDay(day=day, cards=_as_list(cards[day])) for day in days],
        without_due_date=len(cards.get(None, [])),
    )


def build_roadmap(scopes: Sequence[ScopeProgress], cards: Sequence[Card]) -> RoadmapView:
    """Return scopes and cards as bars; a card with one date becomes a bar of no length.

    Args:
        scopes: The scopes with their progress, in order.
        cards: The unarchived cards; those without a date are only counted.
    """
    bars = [bar for card in cards if (bar := build_card_bar(card)) is not None]
    bars.sort(key=lambda bar: (bar.start, bar.end))
    return RoadmapView(scopes=list(map(build_scope_bar, scopes)), cards=bars, undated=len(cards) - len(bars))


def build_scope_bar(scope: ScopeProgress) -> ScopeBar:
    """Return the bar of a scope, from its start to its due date.

    Without a start, it begins with the first dated card; without a due date, it ends with the last one, but not
    before its start.
    """
    firsts = [moment for moment in (scope.first, scope.due_date) if moment is not None]
    lasts = [moment for moment in (scope.last, scope.start_date) if moment is not None]
    return ScopeBar(
        scope_id=scope.scope_id,
        name=scope.name,
        start=scope.start_date or min(firsts, default=None),
        end=scope.due_date or max(lasts, default=None),
        cards=scope.cards,
        percent_done=percent(scope.done, scope.cards),
        estimate=scope.estimate,
    )


def build_card_bar(card: Card) -> CardBar | None:
    """Return the bar of a card, from its start to its due date; None if it has neither."""
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


def _as_list(cards: Sequence[Card]) -> list[Card]:
    # A CardList has all methods that the serializer of a response calls on a list.
    return cast("list[Card]", cards)
