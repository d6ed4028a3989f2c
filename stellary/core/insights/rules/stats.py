"""The rules of statistics: what is counted, and how long cards have taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

import attrs

from stellary.contract.cards import PriorityCounts, StatusCounts
from stellary.contract.columns import Column, ColumnCount
from stellary.contract.labels import Label
from stellary.contract.scope_views import AssigneeCount, DayCount, LabelCount, StatsView, TimeTaken
from stellary.core.board.rules.card_counts import CardCount, Completion
from stellary.core.insights.rules.days import day_of, last_days


@attrs.frozen
class Known:
    """What the counts are told by.

    Attributes:
        columns: Of the scope, by place.
        labels: Of the project.
        names: Of people, by id.
    """

    columns: Sequence[Column]
    labels: Sequence[Label]
    names: Mapping[str, str]


def stats(
    tallies: Sequence[CardCount],
    completions: Sequence[Completion],
    began: Mapping[str, datetime],
    known: Known,
    now: datetime,
) -> StatsView:
    """A scope in numbers.

    Args:
        tallies: Its unarchived cards.
        completions: Its cards that were completed on the days that are shown.
        began: When those of them were first in progress of which that is on record, by the card's id.
        known: What the counts are told by.
        now: The moment.
    """
    return StatsView(
        cards=sum(tally.cards for tally in tallies),
        by_status=by_status((tally.status, tally.cards) for tally in tallies),
        by_column=by_column(tallies, known.columns),
        by_priority=by_priority(tallies),
        by_assignee=by_assignee(tallies, known.names),
        by_label=by_label(tallies, known.labels),
        completed_per_day=per_day(completions, now),
        lead_time=taken(each.completed_at - each.created_at for each in completions),
        cycle_time=taken(
            each.completed_at - began[each.card_id] for each in completions if each.card_id in began
        ),
    )


def by_status(counted: Iterable[tuple[str, int]]) -> StatusCounts:
    """How many cards have each status."""
    found: Counter[str] = Counter()
    for status, cards in counted:
        found[status] += cards
    return StatusCounts(open=found["open"], in_progress=found["in_progress"], done=found["done"])


def by_column(tallies: Iterable[CardCount], columns: Sequence[Column]) -> list[ColumnCount]:
    """How many cards stand in each column, by place."""
    found: Counter[str] = Counter()
    for tally in tallies:
        found[tally.column_id] += tally.cards
    return [
        ColumnCount(column_id=each.id, scope_id=each.scope_id, name=each.name, cards=found[each.id])
        for each in columns
    ]


def by_priority(tallies: Iterable[CardCount]) -> PriorityCounts:
    """How many cards have each priority, or none."""
    found: Counter[str | None] = Counter()
    for tally in tallies:
        found[tally.priority] += tally.cards
    return PriorityCounts(low=found["low"], medium=found["medium"], high=found["high"], none=found[None])


def by_assignee(tallies: Iterable[CardCount], names: Mapping[str, str]) -> list[AssigneeCount]:
    """How many cards each has who has some: who has most first; last those of nobody."""
    found: Counter[str | None] = Counter()
    for tally in tallies:
        found[tally.assignee_id] += tally.cards
    nobodys = AssigneeCount(user_id=None, name=None, cards=found.pop(None, 0))
    told = [AssigneeCount(user_id=id, name=names.get(id or ""), cards=found[id]) for id in found]
    told.sort(key=lambda each: (-each.cards, each.name or "", each.user_id or ""))
    return [*told, nobodys]


def by_label(tallies: Iterable[CardCount], labels: Sequence[Label]) -> list[LabelCount]:
    """How many cards bear each label: one that bears two counts for both; last those that bear none."""
    found: Counter[str | None] = Counter()
    for tally in tallies:
        if not tally.label_ids:
            found[None] += tally.cards
        for id in tally.label_ids:
            found[id] += tally.cards
    told = [
        LabelCount(label_id=each.id, name=each.name, color=each.color, cards=found[each.id])
        for each in labels
    ]
    return [*told, LabelCount(label_id=None, name=None, color=None, cards=found[None])]


def per_day(completions: Iterable[Completion], now: datetime) -> list[DayCount]:
    """How many cards were completed on each of the last days, those without any included."""
    found = Counter(day_of(each.completed_at) for each in completions)
    return [DayCount(day=day, cards=found[day]) for day in last_days(now)]


def taken(times: Iterable[timedelta]) -> TimeTaken:
    """The middle of some times, in whole seconds."""
    seconds = [max(each.total_seconds(), 0) for each in times]
    return TimeTaken(median_seconds=round(median(seconds)) if seconds else None, cards=len(seconds))
