"""The rules of the portfolio: where a project stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from stellary.contract.columns import ColumnCount
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.wire import wire_fields
from stellary.core.board.rules.card_counts import ProjectCardCount, percent
from stellary.core.insights.rules.stats import by_status

_FIELDS = [field.name for field in wire_fields(Project).values()]


def standing(
    project: Project,
    tallies: Sequence[ProjectCardCount],
    columns: Sequence[ColumnCount],
    members: Sequence[ProjectMember],
    last_activity: datetime | None,
) -> PortfolioProject:
    """A project, and where it stands.

    Args:
        project: The project.
        tallies: Of its cards.
        columns: Its columns by place, of which nothing is counted yet.
        members: Who works on it.
        last_activity: When something last happened in it; None if nothing is on record.
    """
    counts: Counter[str] = Counter()
    in_column: Counter[str] = Counter()
    for tally in tallies:
        in_column[tally.column_id] += tally.cards
        for name in ("cards", "overdue", "due_soon", "week", "month"):
            counts[name] += getattr(tally, name)
    statuses = by_status((tally.status, tally.cards) for tally in tallies)
    own: dict[str, Any] = {name: getattr(project, name) for name in _FIELDS}
    return PortfolioProject(
        **own,
        cards=counts["cards"],
        by_status=statuses,
        by_column=[_counted(each, in_column[each.column_id]) for each in columns],
        overdue=counts["overdue"],
        due_soon=counts["due_soon"],
        done_in_7_days=counts["week"],
        done_in_30_days=counts["month"],
        percent_done=percent(statuses.done, counts["cards"]),
        members=list(members),
        last_activity_at=last_activity or project.updated_at,
    )


def _counted(column: ColumnCount, cards: int) -> ColumnCount:
    return ColumnCount(column_id=column.column_id, scope_id=column.scope_id, name=column.name, cards=cards)
