"""The calendar: what is due, month by month."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Day, Month, Part, Prose, Span, Tone

if TYPE_CHECKING:
    from stellary.contract.cards import Card

MONTHS = 3
"""Shown at most: that of the first card that is not done, and those after it."""
ITEMS = 3
"""Of a day."""


def calendar(dated: list[tuple[date, Card]], undated: int, look: Look) -> list[Part]:
    """The months in which something is due, and what has no due date."""
    today = w.as_day(look.now)
    months = sorted({(day.year, day.month) for day, _ in dated}) or [(today.year, today.month)]
    # Long ago is looked at last.
    ahead = [each for each in months if each >= (today.year, today.month)] or months[-1:]
    late = [day for day, card in dated if card.status != "done" and day < today]
    first = min([*ahead[:1], *({(min(late).year, min(late).month)} if late else ())])
    shown = [each for each in months if each >= first][:MONTHS] or ahead[:1]
    parts: list[Part] = [_month(year, month, dated, today) for year, month in shown]
    hidden = sum((day.year, day.month) not in shown for day, _ in dated)
    said = [f"{w.counted(hidden, 'card')} in other months"] if hidden else []
    said += [f"{w.counted(undated, 'card')} without a due date"] if undated else []
    return [*parts, Prose("; ".join(said), "quiet")] if said else parts


def _month(year: int, month: int, dated: list[tuple[date, Card]], today: date) -> Month:
    first = date(year, month, 1)
    # The Monday before, and whole weeks until the month is over; neither year 1 nor year 9999 has one more.
    start = first - timedelta(days=min(first.weekday(), first.toordinal() - 1))
    days = []
    for number in range(42):
        at = start.toordinal() + number
        if at > date.max.toordinal():
            break
        here = date.fromordinal(at)
        if number % 7 == 0 and number and (here.year, here.month) != (year, month):
            break
        days.append(_day(here, [card for day, card in dated if day == here and here.month == month], today))
    return Month(
        title=f"{w.MONTHS[month - 1]} {year}",
        first=first,
        days=tuple(days),
        today=today if (today.year, today.month) == (year, month) else None,
    )


def _day(here: date, found: list[Card], today: date) -> Day:
    items: list[Cell] = []
    for card in found[:ITEMS]:
        late = here < today and card.status != "done"
        tone: Tone = "quiet" if card.status == "done" else "bad" if late else "plain"
        key = Span(card.key or "", "bad" if late else "quiet", "code", "late" if late else None)
        items.append((key, Span(line(card.title, 80), tone)))
    return Day(here, tuple(items), len(found) - len(items))
