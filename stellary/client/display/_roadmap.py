"""Roadmaps: scopes, cards, and the phases of a project to be, as bars over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import attrs

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Bar, Cell, Part, Points, Prose, Section, Span, Timeline, Tone
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.scope_views import CardBar, RoadmapView, ScopeBar
    from stellary.contract.wizard import Roadmap

BARS = 40
TITLE_MAX = 100
_BAR_TONES: dict[str, Tone] = {"done": "good", "in_progress": "info", "open": "quiet"}


@attrs.frozen
class Axis:
    """The days that are shown, both included."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """How many."""
        return self.last - self.first + 1

    def begin(self, day: int) -> float:
        """Where a day begins, from 0 to 1."""
        return min(max((day - self.first) / self.days, 0.0), 1.0)

    def end(self, day: int) -> float:
        """Where it ends."""
        return self.begin(day + 1)


def axis(days: Sequence[int], today: int | None = None) -> Axis:
    """All of these days, and today if it lies within or near by."""
    first, last = min(days), max(days)
    near = max((last - first) // 4, 7)
    if today is not None and first - near <= today <= last + near:
        first, last = min(first, today), max(last, today)
    return Axis(first, max(last, first + 6))


def roadmap(view: RoadmapView, look: Look) -> Sheet:
    """Scopes and cards as bars."""
    facts = (Span(w.counted(len(view.cards), "card"), "quiet"),)
    days = [
        w.as_day(moment).toordinal()
        for start, end in (
            *((each.start, each.end) for each in view.scopes),
            *((each.start, each.end) for each in view.cards),
        )
        for moment in (start, end)
        if moment is not None
    ]
    if not days:
        said = Prose("Nothing on this roadmap has a date.", "quiet")
        return Sheet("Roadmap", "Roadmap", (said,), facts)
    today = w.as_day(look.now).toordinal()
    shown = axis(days, today)
    cards = view.cards[: look.of(BARS)]
    bars = [
        *(_scope(each, shown, look) for each in view.scopes),
        *(_card(each, shown, look) for each in cards),
    ]
    hidden = len(view.cards) - len(cards)
    notes = [f"+ {hidden:,} more"] if hidden else []
    notes += [f"{w.counted(view.undated, 'card')} without a date"] if view.undated else []
    time = Timeline(
        ticks=ticks(shown),
        bars=tuple(bars),
        today=shown.begin(today) + 0.5 / shown.days if shown.first <= today <= shown.last else None,
        note="; ".join(notes) or None,
    )
    return Sheet("Roadmap", "Roadmap", (time,), facts)


def _scope(bar: ScopeBar, shown: Axis, look: Look) -> Bar:
    dates = "no dates" if bar.start is None or bar.end is None else _span(bar.start, bar.end, look)
    done = bar.percent_done or 0
    return Bar(
        label=line(bar.name, TITLE_MAX),
        note=f"{dates}; {w.counted(bar.cards or 0, 'card')}, {done} % done",
        start=None if bar.start is None else shown.begin(w.as_day(bar.start).toordinal()),
        end=None if bar.end is None else shown.end(w.as_day(bar.end).toordinal()),
        filled=done / 100,
        heading=True,
    )


def _card(bar: CardBar, shown: Axis, look: Look) -> Bar:
    late = bar.status != "done" and w.as_day(bar.end) < w.as_day(look.now)
    said = f"{_span(bar.start, bar.end, look)}; {w.words(bar.status)}{', late' if late else ''}"
    return Bar(
        label=line(bar.title, TITLE_MAX),
        note=said,
        start=shown.begin(w.as_day(bar.start).toordinal()),
        end=shown.end(w.as_day(bar.end).toordinal()),
        tone="bad" if late else _BAR_TONES.get(bar.status, "quiet"),
        key=bar.key,
    )


def _span(start: date, end: date, look: Look) -> str:
    begins, ends = w.day(start, look.now), w.day(end, look.now)
    return begins if begins == ends else f"{begins} to {ends}"


def ticks(shown: Axis) -> tuple[tuple[float, str], ...]:
    """Where a day, a week, a month or a year begins: some six of them."""
    at = date.fromordinal(shown.first)
    found: list[tuple[float, str]] = []
    if shown.days <= 70:
        step = 1 if shown.days <= 8 else 7 if shown.days <= 45 else 14
        # Weeks begin on Mondays.
        start = shown.first if step == 1 else shown.first + (-at.weekday()) % 7
        for day in range(start, shown.last + 1, step):
            here = date.fromordinal(day)
            found.append((shown.begin(day), f"{here.day} {w.MONTHS[here.month - 1][:3]}"))
        return tuple(found)
    months = max(1, round(shown.days / 30 / 6))
    year, month = at.year, at.month
    while (day := date(year, month, 1).toordinal()) <= shown.last:
        if day >= shown.first:
            found.append(
                (shown.begin(day), f"{w.MONTHS[month - 1][:3]} {year if month <= months else ''}".strip())
            )
        month += months
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        if year > date.max.year:
            break
    return tuple(found)


# ---------------------------------------------------------------------------------------------- a project to be


def planned(plan: Roadmap, look: Look) -> Sheet:
    """What a project to be consists of."""
    said = f"{w.counted(plan.days or 0, 'day')}, {w.counted(len(plan.phases), 'phase')}"
    return Sheet("Roadmap", "Roadmap", tuple(plan_parts(plan, look)), (Span(said, "quiet"),))


def plan_parts(plan: Roadmap, look: Look) -> list[Part]:
    """Phases and deliverables as bars, and what whoever reads it should know."""
    parts: list[Part] = []
    days = [day for phase in plan.phases for day in (phase.start_day, phase.end_day)]
    if days:
        parts.append(_plan(plan, axis([0, *days]), look))
    if plan.notes:
        parts.append(Section("Notes", (Points(tuple((Span(line(note, 300)),) for note in plan.notes)),)))
    misread: list[Cell] = [
        (Span(line(each.text, 100), "warn"), Span(line(each.reason, 200), "quiet"))
        for each in plan.not_understood
    ]
    if misread:
        parts.append(Section("Not understood", (Points(tuple(misread)),)))
    return parts


def _plan(plan: Roadmap, shown: Axis, look: Look) -> Timeline:
    start = None if plan.start_date is None else w.as_day(plan.start_date)
    bars: list[Bar] = []
    number = sum(1 + len(phase.deliverables) for phase in plan.phases)
    for phase in plan.phases:
        days = _days(phase.start_day, phase.end_day, start, look)
        count = w.counted(len(phase.deliverables), "deliverable")
        bars.append(_between(phase, phase.name, f"{days}; {count}", shown, "accent", heading=True))
        for each in phase.deliverables:
            steps = f"; {w.counted(len(each.checklist), 'step')}" if each.checklist else ""
            days = _days(each.start_day, each.end_day, start, look)
            urgent = f"; {each.priority} priority" if each.priority else ""
            tone: Tone = "info" if each.priority == "high" else "quiet"
            bars.append(_between(each, each.title, f"{days}{urgent}{steps}", shown, tone))
    kept = bars[: look.of(BARS)]
    hidden = number - len(kept)
    note = f"+ {hidden:,} more" if hidden else None
    return Timeline(_plan_ticks(shown, start), tuple(kept), None, note)


def _between(made: object, name: str, note: str, shown: Axis, tone: Tone, *, heading: bool = False) -> Bar:
    start, end = getattr(made, "start_day", 0) or 0, getattr(made, "end_day", 0) or 0
    return Bar(line(name, TITLE_MAX), note, shown.begin(start), shown.end(end), tone, heading=heading)


def _days(first: int, last: int, start: date | None, look: Look) -> str:
    if start is None:
        return f"day {first}" if first == last else f"day {first} to {last}"
    return _span(start + timedelta(days=first), start + timedelta(days=last), look)


def _plan_ticks(shown: Axis, start: date | None) -> tuple[tuple[float, str], ...]:
    if start is not None:
        return ticks(Axis(start.toordinal(), start.toordinal() + shown.last))
    step = max(1, round(shown.days / 6 / 7)) * 7 if shown.days > 14 else 1
    return tuple((shown.begin(day), f"day {day}") for day in range(0, shown.last + 1, step))
