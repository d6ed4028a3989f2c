"""Planning: builds the plan of a brief and its answers, and schedules its phases and deliverables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time

import attrs

from stellary.contract.project_imports import COLUMNS_MAX
from stellary.contract.wizard import Deliverable, Phase, Roadmap
from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.messages import format_message, list_messages
from stellary.core.wizard.rules.plans import NAME_MAX, PlannedItem, PlannedPhase, to_title
from stellary.core.wizard.rules.reading import Findings
from stellary.core.wizard.rules.vocabulary import Language

PHASE_DAYS = 14
"""The duration of a phase, in days, if no time is stated."""


@attrs.define
class Selection:
    """The phases of a plan, and the sections that belong to no phase.

    Attributes:
        candidates: All phases that can be chosen; their indices are part of the ids of questions.
        phases: The chosen ones, or those that the brief states, with their indices.
        unplaced: Sections with work that belong to no phase, with their indices.
        unread: Sections that were not read as work and not chosen.
        left_out: The names of sections that are left out on request.
    """

    candidates: list[PlannedPhase]
    phases: list[tuple[int, PlannedPhase]]
    unplaced: list[tuple[int, PlannedPhase]]
    unread: list[PlannedPhase] = attrs.field(factory=list)
    left_out: list[str] = attrs.field(factory=list)


def split_lines(text: object) -> list[str]:
    """Return the entries of an answer: one per line, or between semicolons."""
    lines = str(text or "").replace(";", "\n").splitlines()
    return [line.strip(" \t-*•.") for line in lines if line.strip(" \t-*•.")]


def select_phases(findings: Findings, brief: Brief) -> Selection:
    """Return the phases that the answers confirm, or else those that the brief states.

    Args:
        findings: The contents of the brief.
        brief: The brief, with the answers to questions.
    """
    answers, language = brief.answers, findings.language
    read = [*findings.phases, *findings.beside, *findings.unread]
    candidates = read or [*map(_to_bare, list_messages(language, "generic"))]
    chosen = answers.get("phases")
    selection = Selection(candidates, [], [])
    for number, phase in enumerate(candidates):
        if number < len(findings.phases) if chosen is None else phase.name in chosen:
            selection.phases.append((number, phase))
        elif number >= len(candidates) - len(findings.unread):
            selection.unread.append(phase)
        elif not phase.is_bare:
            selection.unplaced.append((number, phase))
    if not selection.phases and chosen is not None:
        names = split_lines(answers.get("phase_names"))
        selection.phases += [(number, _to_bare(name)) for number, name in enumerate(names, 100)]
    if work := split_lines(answers.get("work")):
        groups = selection.phases if answers.get("place_99") is None else selection.unplaced
        groups.append((99, _to_group(brief.name, work)))
    _place_answers(selection, answers, language)
    if not selection.phases and selection.unplaced:
        items = [item for _, phase in selection.unplaced for item in phase.items]
        selection.phases, selection.unplaced = [(98, PlannedPhase(shorten(brief.name, NAME_MAX), items))], []
    return selection


def _to_bare(name: str) -> PlannedPhase:
    return PlannedPhase(to_title(name, NAME_MAX), [PlannedItem(name)], is_bare=True)


def _to_group(name: str, lines: Sequence[str]) -> PlannedPhase:
    """Return a phase with a deliverable for each line."""
    return PlannedPhase(shorten(name, NAME_MAX), [PlannedItem(to_title(line)) for line in lines])


def _place_answers(selection: Selection, answers: Mapping[str, object], language: str) -> None:
    """Put unplaced sections and the entries of answers into the phases that the answers name."""
    for number, group in list(selection.unplaced):
        place = answers.get(f"place_{number}")
        if place is None:
            continue
        selection.unplaced.remove((number, group))
        target = next((phase for _, phase in selection.phases if phase.name == place), None)
        if target is not None:
            target.add(group)
        elif place in list_messages("en", "own_phase") + list_messages("fr", "own_phase"):
            selection.phases.append((number, group))
        else:
            selection.left_out.append(group.name)
    for number, phase in selection.phases:
        if lines := split_lines(answers.get(f"work_{number}")):
            phase.add(_to_group(phase.name, lines))
        weeks = answers.get(f"weeks_{number}")
        if isinstance(weeks, (int, float)):
            phase.days = max(1, round(weeks * 7))


def build_roadmap(findings: Findings, selection: Selection, brief: Brief, notes: Iterable[str]) -> Roadmap:
    """Return the roadmap of a brief and its answers: phases one after another, each deliverable within its phase.

    Args:
        findings: The contents of the brief.
        selection: The phases of the roadmap.
        brief: The brief, with the answers to questions.
        notes: The notes on the brief.
    """
    language, answers, notes = findings.language, brief.answers, [*notes]
    planned = _fit_phases([phase for _, phase in selection.phases], brief, language)
    stated_start, deadline = (
        date.fromisoformat(answer) if isinstance(answer := answers.get(name), str) else day
        for name, day in (("start", findings.start), ("deadline", findings.deadline))
    )
    start = stated_start or _find_start(planned, deadline, brief.today)
    total = findings.days
    if deadline is not None and start is not None:
        available = (deadline - start).days + 1
        if available < 1:
            notes.append(format_message(language, "past_deadline", day=deadline.isoformat()))
        else:
            total = min(total or available, available)
    lengths = _find_lengths(planned, language, start, total, notes)
    ends: dict[str, int] = {}
    phases, exact = [], 0.0
    for phase, length in zip(planned, lengths, strict=True):
        first, exact = int(exact + 1e-9), exact + length
        last = max(first, int(exact + 1e-9) - 1)
        if phase.period is not None and start is not None and phase.period.last >= start:
            last = (phase.period.last - start).days
            is_day = phase.period.first == phase.period.last
            first = min(first, last) if is_day else max(0, (phase.period.first - start).days)
            exact = float(last + 1)
        items = [_place_item(item, first, last, start, ends) for item in phase.items]
        last = max([last, *(item.end_day for item in items)])
        first = min([first, last, *(item.start_day for item in items)])
        phases.append(
            Phase(
                name=phase.name,
                description=phase.description,
                start_day=first,
                end_day=last,
                deliverables=items,
            )
        )
        if phase.days is not None or not phase.items:
            exact = max(exact, last + 1.0)
    day_0 = None if start is None else datetime.combine(start, time.min, UTC)
    days = max([phase.end_day for phase in phases], default=0) + 1
    return Roadmap(start_date=day_0, days=days, phases=phases, notes=notes, not_understood=[])


def _fit_phases(phases: list[PlannedPhase], brief: Brief, language: Language) -> list[PlannedPhase]:
    """Return at least one phase, and not more than a project has columns; their deliverables get priorities."""
    if not phases:
        title = format_message(language, "find_out")
        phases = [PlannedPhase(shorten(brief.name, NAME_MAX), [PlannedItem(title)], is_bare=True)]
    for extra in phases[COLUMNS_MAX:]:
        phases[COLUMNS_MAX - 1].items += extra.items
    for item in (item for phase in phases for item in phase.items):
        if shorten(item.title, 200) == brief.answers.get("first"):
            item.priority = "high"
        elif shorten(item.title, 200) in (brief.answers.get("later") or ()):
            item.priority = "low"
        item.priority = item.priority or "medium"
    return phases[:COLUMNS_MAX]


def _find_start(phases: Sequence[PlannedPhase], deadline: date | None, today: date) -> date | None:
    periods = [phase.period for phase in phases if phase.period and phase.period.last >= today]
    firsts = [period.first for period in periods if period.first < period.last]
    if firsts and phases[0].period is not None:
        return min(firsts)
    is_due = any(item.due and item.due >= today for phase in phases for item in phase.items)
    return today if deadline or periods or is_due else None


def _find_lengths(
    phases: Sequence[PlannedPhase],
    language: Language,
    start: date | None,
    total: int | None,
    notes: list[str],
) -> list[float]:
    """Return the duration of each phase in days: the stated ones, and equal shares of the time that remains."""
    stated = [phase.days and max(1.0, phase.days) for phase in phases]
    dated = start is not None and any(phase.period is not None for phase in phases)
    count = stated.count(None)
    share = float(PHASE_DAYS)
    if total is not None and count:
        share = max(1.0, (total - sum(length or 0 for length in stated)) / count)
    if count and not dated:
        key = "no_time" if total is None else "equal_shares"
        notes.append(format_message(language, key, days=round(share)))
    lengths = [length or share for length in stated]
    needed = sum(lengths)
    if total is not None and not dated and needed > total:
        notes.append(format_message(language, "tight", needed=round(needed), available=total))
        lengths = [length * total / needed for length in lengths]
    return lengths


def _place_item(
    item: PlannedItem, first: int, last: int, start: date | None, ends: dict[str, int]
) -> Deliverable:
    before = [ends[key.strip()] for key in item.depends.replace(";", ",").split(",") if key.strip() in ends]
    if before and item.days is not None:
        first = max(first, max(before) + 1)
    if item.days is not None:
        last = first + max(1, item.days) - 1
    if item.due is not None and start is not None and item.due >= start:
        last = (item.due - start).days
    first = max(0, min(first, last))
    if item.key:
        ends[item.key] = last
    return Deliverable(
        title=item.title,
        description=item.description,
        priority=item.priority,
        checklist=item.checklist,
        start_day=first,
        end_day=last,
    )
