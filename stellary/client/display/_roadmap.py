"""Views of roadmaps, scopes and cards or phases as bars over time, and of project drafts: questions, missing information, roadmap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import attrs

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._markup import line
from stellary.client.display._rows import summarize
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.scope_views import CardBar, RoadmapView, ScopeBar
    from stellary.contract.wizard import ProjectDraft, Question, Roadmap

BARS = 40
TITLE_MAX = 100
DRAFT_TEXT_MAX = 300
_BAR_TONES: dict[str, p.Tone] = {"done": "good", "in_progress": "info", "open": "quiet"}


@attrs.frozen
class Axis:
    """The range of days on a time axis, as ordinals, both included."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """The number of days."""
        return self.last - self.first + 1

    def begin(self, day: int) -> float:
        """Return the position of the start of a day on the axis, from 0 to 1."""
        return min(max((day - self.first) / self.days, 0.0), 1.0)

    def end(self, day: int) -> float:
        """Return the position of the end of a day on the axis, from 0 to 1."""
        return self.begin(day + 1)


def fit_axis(days: Sequence[int], today: int | None = None) -> Axis:
    """Return an axis that includes all days, and today if it is close to them."""
    first, last = min(days), max(days)
    near = max((last - first) // 4, 7)
    if today is not None and first - near <= today <= last + near:
        first, last = min(first, today), max(last, today)
    return Axis(first, max(last, first + 6))


def build_roadmap(view: RoadmapView, options: p.RenderOptions) -> View:
    """Render scopes and cards as bars."""
    facts = (p.Span(w.format_count(len(view.cards), "card"), "quiet"),)
    ordinals = [
        w.to_utc_date(moment).toordinal()
        for start, end in (
            *((scope.start, scope.end) for scope in view.scopes),
            *((card.start, card.end) for card in view.cards),
        )
        for moment in (start, end)
        if moment is not None
    ]
    if not ordinals:
        empty_note = p.Prose("Nothing on this roadmap has a date.", "quiet")
        return View("Roadmap", "Roadmap", (empty_note,), facts)
    today = w.to_utc_date(options.now).toordinal()
    days_axis = fit_axis(ordinals, today)
    cards = view.cards[: options.limit(BARS)]
    bars = [
        *(_scope(scope, days_axis, options) for scope in view.scopes),
        *(_card(card, days_axis, options) for card in cards),
    ]
    hidden = len(view.cards) - len(cards)
    notes = [f"+ {hidden:,} more"] if hidden else []
    notes += [f"{w.format_count(view.undated, 'card')} without a date"] if view.undated else []
    time = p.Timeline(
        ticks=compute_ticks(days_axis),
        bars=tuple(bars),
        today=days_axis.begin(today) + 0.5 / days_axis.days
        if days_axis.first <= today <= days_axis.last
        else None,
        note="; ".join(notes) or None,
    )
    return View("Roadmap", "Roadmap", (time,), facts)


def _scope(bar: ScopeBar, days_axis: Axis, options: p.RenderOptions) -> p.Bar:
    dates = "no dates" if bar.start is None or bar.end is None else _span(bar.start, bar.end, options)
    done = bar.percent_done or 0
    return p.Bar(
        label=line(bar.name, TITLE_MAX),
        note=f"{dates}; {w.format_count(bar.cards or 0, 'card')}, {done} % done",
        start=None if bar.start is None else days_axis.begin(w.to_utc_date(bar.start).toordinal()),
        end=None if bar.end is None else days_axis.end(w.to_utc_date(bar.end).toordinal()),
        filled=done / 100,
        heading=True,
    )


def _card(bar: CardBar, days_axis: Axis, options: p.RenderOptions) -> p.Bar:
    late = bar.status != "done" and w.to_utc_date(bar.end) < w.to_utc_date(options.now)
    note = f"{_span(bar.start, bar.end, options)}; {w.humanize(bar.status)}{', late' if late else ''}"
    return p.Bar(
        label=line(bar.title, TITLE_MAX),
        note=note,
        start=days_axis.begin(w.to_utc_date(bar.start).toordinal()),
        end=days_axis.end(w.to_utc_date(bar.end).toordinal()),
        tone="bad" if late else _BAR_TONES.get(bar.status, "quiet"),
        key=bar.key,
    )


def _span(start: date, end: date, options: p.RenderOptions) -> str:
    begins, ends = w.format_day(start, options.now), w.format_day(end, options.now)
    return begins if begins == ends else f"{begins} to {ends}"


def compute_ticks(days_axis: Axis) -> tuple[tuple[float, str], ...]:
    """Return about six axis labels (days, weeks, months or years) with their positions."""
    first_day = date.fromordinal(days_axis.first)
    if days_axis.days <= 70:
        step = 1 if days_axis.days <= 8 else 7 if days_axis.days <= 45 else 14
        # Weeks begin on Mondays.
        start = days_axis.first if step == 1 else days_axis.first + (-first_day.weekday()) % 7
        days = range(start, days_axis.last + 1, step)
        return tuple((days_axis.begin(day), w.format_date(date.fromordinal(day))) for day in days)
    labels: list[tuple[float, str]] = []
    months = max(1, round(days_axis.days / 30 / 6))
    year, month = first_day.year, first_day.month
    while (day := date(year, month, 1).toordinal()) <= days_axis.last:
        if day >= days_axis.first:
            labels.append(
                (days_axis.begin(day), f"{w.MONTHS[month - 1][:3]} {year if month <= months else ''}".strip())
            )
        month += months
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        if year > date.max.year:
            break
    return tuple(labels)


# ---------------------------------------------------------------------------------------------- project drafts


def build_draft_roadmap(plan: Roadmap, options: p.RenderOptions) -> View:
    """Render the roadmap of a project draft."""
    summary = f"{w.format_count(plan.days or 0, 'day')}, {w.format_count(len(plan.phases), 'phase')}"
    return View("Roadmap", "Roadmap", tuple(build_draft_parts(plan, options)), (p.Span(summary, "quiet"),))


def build_draft_parts(plan: Roadmap, options: p.RenderOptions) -> list[p.Part]:
    """Build the phases and deliverables as bars, followed by notes and feedback that was not understood."""
    parts: list[p.Part] = []
    days = [day for phase in plan.phases for day in (phase.start_day, phase.end_day)]
    if days:
        parts.append(_draft_timeline(plan, fit_axis([0, *days]), options))
    parts += p.list_section("Notes", ((p.Span(line(note, 300)),) for note in plan.notes), counted=False)
    misread = (
        (p.Span(line(request.text, 100), "warn"), p.Span(line(request.reason, 200), "quiet"))
        for request in plan.not_understood
    )
    return [*parts, *p.list_section("Not understood", misread, counted=False)]


def _draft_timeline(plan: Roadmap, days_axis: Axis, options: p.RenderOptions) -> p.Timeline:
    start = None if plan.start_date is None else w.to_utc_date(plan.start_date)
    bars: list[p.Bar] = []
    number = sum(1 + len(phase.deliverables) for phase in plan.phases)
    for phase in plan.phases:
        days = _days(phase.start_day, phase.end_day, start, options)
        count = w.format_count(len(phase.deliverables), "deliverable")
        bars.append(_draft_bar(phase, phase.name, f"{days}; {count}", days_axis, "accent", heading=True))
        for deliverable in phase.deliverables:
            steps = f"; {w.format_count(len(deliverable.checklist), 'step')}" if deliverable.checklist else ""
            days = _days(deliverable.start_day, deliverable.end_day, start, options)
            urgent = f"; {deliverable.priority} priority" if deliverable.priority else ""
            tone: p.Tone = "info" if deliverable.priority == "high" else "quiet"
            bars.append(_draft_bar(deliverable, deliverable.title, f"{days}{urgent}{steps}", days_axis, tone))
    visible_bars = bars[: options.limit(BARS)]
    hidden = number - len(visible_bars)
    note = f"+ {hidden:,} more" if hidden else None
    return p.Timeline(_draft_ticks(days_axis, start), tuple(visible_bars), None, note)


def _draft_bar(
    item: object, name: str, note: str, days_axis: Axis, tone: p.Tone, *, heading: bool = False
) -> p.Bar:
    start, end = getattr(item, "start_day", 0) or 0, getattr(item, "end_day", 0) or 0
    return p.Bar(
        line(name, TITLE_MAX), note, days_axis.begin(start), days_axis.end(end), tone, heading=heading
    )


def _days(first: int, last: int, start: date | None, options: p.RenderOptions) -> str:
    if start is None:
        return f"day {first}" if first == last else f"day {first} to {last}"
    return _span(start + timedelta(days=first), start + timedelta(days=last), options)


def _draft_ticks(days_axis: Axis, start: date | None) -> tuple[tuple[float, str], ...]:
    if start is not None:
        return compute_ticks(Axis(start.toordinal(), start.toordinal() + days_axis.last))
    step = max(1, round(days_axis.days / 6 / 7)) * 7 if days_axis.days > 14 else 1
    return tuple((days_axis.begin(day), f"day {day}") for day in range(0, days_axis.last + 1, step))


def build_draft(draft: ProjectDraft, options: p.RenderOptions) -> View:
    """Render a project draft."""
    score = draft.readiness_score or 0
    stage = w.status_tag(draft.stage)
    facts: list[p.Span | p.Meter] = [] if stage is None else [stage]
    facts.append(p.Meter(score, 100, "ready", f"{score} of 100 ready"))
    answers = (
        (
            p.Span(line(answer.text, DRAFT_TEXT_MAX), "quiet"),
            p.Span(line(summarize(answer.value), DRAFT_TEXT_MAX)),
        )
        for answer in draft.answers
    )
    parts = (
        *p.list_section(f"Questions, round {draft.round}", map(_question, draft.questions)),
        *p.list_section("Missing", ((p.Span(line(topic, DRAFT_TEXT_MAX)),) for topic in draft.missing)),
        *(() if draft.roadmap is None else build_draft_parts(draft.roadmap, options)),
        *p.list_section("Answers", answers),
    )
    return View("Project draft", draft.name, parts, tuple(facts))


def _question(question: Question) -> p.Cell:
    choices = f": {', '.join(question.options)}" if question.options else ""
    form = f"{w.humanize(str(question.format))}{choices}"
    needed = (p.Span("required", "warn", "tag"),) if question.required else ()
    return (p.Span(line(question.text, DRAFT_TEXT_MAX)), *needed, p.Span(line(form, DRAFT_TEXT_MAX), "quiet"))
