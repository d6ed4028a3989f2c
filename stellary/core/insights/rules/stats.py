"""Statistics of boards, and the figures of the portfolio. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from stellary.contract.cards import PriorityCounts, StatusCounts
from stellary.contract.columns import Column, ColumnCount
from stellary.contract.fields import convert, replace_fields
from stellary.contract.labels import Label
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.scope_views import AssigneeCount, DayCount, LabelCount, StatsView, TimeTaken
from stellary.core.board.rules.card_counts import (
    CardCount,
    Completion,
    ProjectCardCount,
    add_estimates,
    percent,
)
from stellary.core.insights.rules.days import day_of, last_days


def build_stats(
    card_counts: Sequence[CardCount],
    completions: Sequence[Completion],
    began: Mapping[str, datetime],
    columns: Sequence[Column],
    labels: Sequence[Label],
    names: Mapping[str, str],
    now: datetime,
) -> StatsView:
    """Return the statistics of a scope.

    Args:
        card_counts: The counts of its unarchived cards.
        completions: Its cards that were completed on the shown days.
        began: The recorded times at which cards were first in progress, by card id.
        columns: Its columns, by position.
        labels: The labels of its project.
        names: The names of the assignees, by id.
        now: The time.
    """
    return StatsView(
        cards=sum(card_count.cards for card_count in card_counts),
        by_status=count_by_status(card_counts),
        by_column=count_by_column(card_counts, columns),
        by_priority=count_by_priority(card_counts),
        by_assignee=count_by_assignee(card_counts, names),
        by_label=count_by_label(card_counts, labels),
        completed_per_day=count_per_day(completions, now),
        lead_time=measure_times(
            completion.completed_at - completion.created_at for completion in completions
        ),
        cycle_time=measure_times(
            completion.completed_at - began[completion.card_id]
            for completion in completions
            if completion.card_id in began
        ),
        estimate=add_estimates(card_count.estimate for card_count in card_counts),
    )


def count_by_status(card_counts: Iterable[CardCount | ProjectCardCount]) -> StatusCounts:
    """Return the number of cards with each status."""
    cards_by_status = _add_up((card_count.status, card_count.cards) for card_count in card_counts)
    return StatusCounts(
        open=cards_by_status["open"], in_progress=cards_by_status["in_progress"], done=cards_by_status["done"]
    )


def _add_up(counted: Iterable[tuple[str | None, int]]) -> Counter[str | None]:
    total: Counter[str | None] = Counter()
    for key, cards in counted:
        total[key] += cards
    return total


def count_by_column(card_counts: Sequence[CardCount], columns: Sequence[Column]) -> list[ColumnCount]:
    """Return the number of cards in each column and the sum of their estimates, by position.

    Args:
        card_counts: The counts of the scope's unarchived cards.
        columns: The columns of the scope, by position.
    """
    counts_by_column: dict[str, list[CardCount]] = defaultdict(list)
    for card_count in card_counts:
        counts_by_column[card_count.column_id].append(card_count)
    return [
        ColumnCount(
            column_id=column.id,
            scope_id=column.scope_id,
            name=column.name,
            cards=sum(card_count.cards for card_count in counts_by_column[column.id]),
            estimate=add_estimates(card_count.estimate for card_count in counts_by_column[column.id]),
        )
        for column in columns
    ]


def count_by_priority(card_counts: Iterable[CardCount]) -> PriorityCounts:
    """Return the number of cards with each priority, and without one."""
    cards_by_priority = _add_up((card_count.priority, card_count.cards) for card_count in card_counts)
    return PriorityCounts(
        low=cards_by_priority["low"],
        medium=cards_by_priority["medium"],
        high=cards_by_priority["high"],
        none=cards_by_priority[None],
    )


def count_by_assignee(card_counts: Iterable[CardCount], names: Mapping[str, str]) -> list[AssigneeCount]:
    """Return the number of cards of each assignee, in descending order; unassigned cards last.

    Args:
        card_counts: The counts of the scope's unarchived cards.
        names: The names of the assignees, by id.
    """
    cards_by_user = _add_up((card_count.assignee_id, card_count.cards) for card_count in card_counts)
    unassigned = AssigneeCount(user_id=None, name=None, cards=cards_by_user.pop(None, 0))
    counts = [
        AssigneeCount(user_id=id, name=names.get(id or ""), cards=cards_by_user[id]) for id in cards_by_user
    ]
    counts.sort(key=lambda count: (-count.cards, count.name or "", count.user_id or ""))
    return [*counts, unassigned]


def count_by_label(card_counts: Iterable[CardCount], labels: Sequence[Label]) -> list[LabelCount]:
    """Return the number of cards with each label; cards without labels last. A card counts for each of its labels.

    Args:
        card_counts: The counts of the scope's unarchived cards.
        labels: The labels of the project.
    """
    cards_by_label = _add_up(
        (id, card_count.cards) for card_count in card_counts for id in card_count.label_ids or (None,)
    )
    counts = [
        LabelCount(label_id=label.id, name=label.name, color=label.color, cards=cards_by_label[label.id])
        for label in labels
    ]
    return [*counts, LabelCount(label_id=None, name=None, color=None, cards=cards_by_label[None])]


def count_per_day(completions: Iterable[Completion], now: datetime) -> list[DayCount]:
    """Return the number of cards completed on each of the last days, including days without any.

    Args:
        completions: The completed cards.
        now: The current time, on the last day.
    """
    cards_by_day = Counter(day_of(completion.completed_at) for completion in completions)
    return [DayCount(day=day, cards=cards_by_day[day]) for day in last_days(now)]


def measure_times(durations: Iterable[timedelta]) -> TimeTaken:
    """Return the median of durations, in whole seconds."""
    # Imported on first use: it takes 0.3 MB.
    from statistics import median

    seconds = [max(duration.total_seconds(), 0) for duration in durations]
    return TimeTaken(median_seconds=round(median(seconds)) if seconds else None, cards=len(seconds))


def build_project_figures(
    project: Project,
    card_counts: Sequence[ProjectCardCount],
    columns: Sequence[ColumnCount],
    members: Sequence[ProjectMember],
    last_activity: datetime | None,
) -> PortfolioProject:
    """Return a project with its figures.

    Args:
        project: The project.
        card_counts: The counts of its cards.
        columns: Its columns by position, without counts.
        members: Its members.
        last_activity: The time of its last activity; None if none is recorded.
    """
    counts: Counter[str] = Counter()
    in_column: Counter[str] = Counter()
    estimates: dict[str, float] = {}
    for card_count in card_counts:
        in_column[card_count.column_id] += card_count.cards
        if card_count.estimate is not None:
            estimates[card_count.column_id] = card_count.estimate
        for name in ("cards", "overdue", "due_soon", "week", "month"):
            counts[name] += getattr(card_count, name)
    statuses = count_by_status(card_counts)
    return convert(
        PortfolioProject,
        project,
        cards=counts["cards"],
        by_status=statuses,
        by_column=[
            replace_fields(
                column, cards=in_column[column.column_id], estimate=estimates.get(column.column_id)
            )
            for column in columns
        ],
        overdue=counts["overdue"],
        due_soon=counts["due_soon"],
        done_in_7_days=counts["week"],
        done_in_30_days=counts["month"],
        percent_done=percent(statuses.done, counts["cards"]),
        members=list(members),
        last_activity_at=last_activity or project.updated_at,
        estimate=add_estimates(estimates.values()),
    )
