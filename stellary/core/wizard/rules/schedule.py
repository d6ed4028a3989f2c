"""Days: when each piece of work begins and ends, by what is told and, where nothing is, by estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from stellary.contract.wizard import Deliverable, NotUnderstood, Phase, Roadmap
from stellary.core.wizard.rules.fitting import DAYS_MAX
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import Group, Item, Plan
from stellary.core.wizard.rules.words import Kind

LANES_MAX = 6
LANES = 2
"""How many things are done at once, if nobody says how many people there are."""

_ESTIMATES: Mapping[Kind | None, int] = {
    "prepare": 4,
    "design": 5,
    "build": 7,
    "verify": 4,
    "launch": 3,
    "run": 5,
    None: 5,
}
Days = tuple[int, int]


def scheduled(plan: Plan, not_understood: Sequence[NotUnderstood], today: date) -> Roadmap:
    """The roadmap of a plan.

    Args:
        plan: With its phases in order.
        not_understood: What of the feedback has changed nothing.
        today: The day 0, where only an end is known.
    """
    notes = list(plan.notes)
    lanes = min(LANES_MAX, max(1, plan.team or LANES))
    natural = [_laid(group, lanes, plan.pace) for group in plan.groups]
    needed = sum(length for length, _ in natural)
    start, wanted = plan.start, plan.days
    if start is None and any(item.due and item.due >= today for _, item in plan.items):
        # A day of the calendar is so many days away only from another one.
        start = today
    if plan.deadline is not None:
        begin = start or today
        left = (plan.deadline - begin).days + 1
        if left < 1:
            notes.append(format_message(plan.language, "past_deadline", day=plan.deadline.isoformat()))
        else:
            start, wanted = begin, left if wanted is None else min(wanted, left)
    if wanted is not None and wanted < needed // 2:
        notes.append(format_message(plan.language, "tight", needed=needed, left=wanted))
    factor = 1.0 if wanted is None else wanted / max(1, needed)
    phases, offset = [], 0.0
    for group, (length, spans) in zip(plan.groups, natural, strict=True):
        phases.append(_phase(group, spans, offset, factor, start))
        offset += length * factor
    last = max([phase.end_day for phase in phases], default=0)
    return Roadmap(
        start_date=None if start is None else datetime(start.year, start.month, start.day, tzinfo=UTC),
        days=last + 1,
        phases=phases,
        notes=notes,
        not_understood=list(not_understood),
    )


def _effort(item: Item, pace: float) -> int:
    if item.days is not None:
        return min(item.days, DAYS_MAX)
    return max(1, round((_ESTIMATES[item.kind] + min(10, len(item.checklist))) * pace))


def _laid(group: Group, lanes: int, pace: float) -> tuple[int, list[Days]]:
    """How long a phase takes, and from when to when each thing in it: whoever is free takes the next."""
    free = [0] * lanes
    days: list[Days] = []
    for item in group.items:
        lane = free.index(min(free))
        begin = free[lane]
        free[lane] = begin + _effort(item, pace)
        days.append((begin, free[lane]))
    length = max([1, *free])
    if group.days is None:
        return length, days
    told = min(group.days, DAYS_MAX)
    return told, [
        (begin * told // length, max(begin * told // length + 1, end * told // length)) for begin, end in days
    ]


def _phase(group: Group, spans: Sequence[Days], offset: float, factor: float, start: date | None) -> Phase:
    deliverables = []
    for item, (begin, end) in zip(group.items, spans, strict=True):
        first = int(offset + begin * factor)
        last = max(first, int(offset + end * factor + 1e-9) - 1)
        if item.due is not None and start is not None and item.due >= start:
            last = (item.due - start).days
            first = min(first, last)
        deliverables.append(
            Deliverable(
                title=item.title,
                description=item.description,
                priority=item.priority,
                checklist=item.checklist,
                start_day=first,
                end_day=last,
            )
        )
    return Phase(
        name=group.name,
        description=group.description,
        start_day=min([each.start_day for each in deliverables], default=int(offset)),
        end_day=max([each.end_day for each in deliverables], default=int(offset)),
        deliverables=deliverables,
    )
