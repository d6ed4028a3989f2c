"""Rules of the portfolio: the figures of a project. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from stellary.contract.columns import ColumnCount
from stellary.contract.fields import convert, replace_fields
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectMember
from stellary.core.board.rules.card_counts import ProjectCardCount, add_estimates, percent
from stellary.core.insights.rules.stats import count_by_status


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
    statuses = count_by_status((card_count.status, card_count.cards) for card_count in card_counts)
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
