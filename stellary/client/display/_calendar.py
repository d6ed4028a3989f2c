"""The calendar view: cards by due date, month by month."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._look import RenderOptions
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, DayCell, Month, Part, Prose, Span, Tone

if TYPE_CHECKING:
    from stellary.contract.cards import Card

MONTHS = 3
"""The number of months shown, from the first one with a late or upcoming card."""
ITEMS = 3
"""The number of cards shown per day."""


def build_months(dated: list[tuple[date, Card]], undated: int, options: RenderOptions) -> list[Part]:
    """Build the months in which cards are due, and a note about cards without a due date."""
    today = w.to_utc_date(options.now)
    months = sorted({(day.year, day.month) for day, _ in dated}) or [(today.year, today.month)]
    # Months in the past are shown only if they have late cards, or if there are no others.
    upcoming = [month for month in months if month >= (today.year, today.month)] or months[-1:]
    late = [day for day, card in dated if card.status != "done" and day < today]
    first = min([*upcoming[:1], *({(min(late).year, min(late).month)} if late else ())])
    visible_months = [month for month in months if month >= first][:MONTHS] or upcoming[:1]
    parts: list[Part] = [_month(year, month, dated, options) for year, month in visible_months]
    hidden = sum((day.year, day.month) not in visible_months for day, _ in dated)
    notes = [f"{w.format_count(hidden, 'card')} in other months"] if hidden else []
    notes += [f"{w.format_count(undated, 'card')} without a due date"] if undated else []
    return [*parts, Prose("; ".join(notes), "quiet")] if notes else parts


def _month(year: int, month: int, dated: list[tuple[date, Card]], options: RenderOptions) -> Month:
    today = w.to_utc_date(options.now)
    first = date(year, month, 1)
    # Start on the Monday before and show whole weeks. Dates before year 1 and after year 9999 do not exist.
    start = first - timedelta(days=min(first.weekday(), first.toordinal() - 1))
    days = []
    for number in range(42):
        ordinal = start.toordinal() + number
        if ordinal > date.max.toordinal():
            break
        current = date.fromordinal(ordinal)
        if number % 7 == 0 and number and (current.year, current.month) != (year, month):
            break
        days.append(
            _day(current, [card for day, card in dated if day == current and current.month == month], options)
        )
    return Month(
        title=f"{w.MONTHS[month - 1]} {year}",
        first=first,
        days=tuple(days),
        today=today if (today.year, today.month) == (year, month) else None,
    )


def _day(date_of_cell: date, cards: list[Card], options: RenderOptions) -> DayCell:
    items: list[Cell] = []
    today = w.to_utc_date(options.now)
    for card in cards[:ITEMS]:
        late = date_of_cell < today and card.status != "done"
        tone: Tone = "quiet" if card.status == "done" else "bad" if late else "plain"
        key = Span(card.key or "", "bad" if late else "quiet", "code", "late" if late else None)
        items.append((key, Span(line(card.title, 80), tone, url=options.find_url(card.key))))
    return DayCell(date_of_cell, tuple(items), len(cards) - len(items))
