"""Portfolio: a summary of all projects of a workspace. Section Projects of the API reference."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.cards import StatusCounts
from stellary.contract.columns import ColumnCount
from stellary.contract.endpoint import lists
from stellary.contract.policies import PORTFOLIO_READ
from stellary.contract.projects import ListProjects, Project, ProjectMember
from stellary.contract.refs import WorkspaceRef


class PortfolioProject(Project):
    """A project with aggregated metrics. Days are in UTC. Archived cards count only as completed cards.

    Attributes:
        cards: The number of unarchived cards.
        by_column: All columns, ordered by scope, then by position.
        overdue: Cards that are not done and were due before today.
        due_soon: Cards that are not done and are due today or within 7 days.
        done_in_7_days, done_in_30_days: Cards completed in the last 7 and 30 days, today included.
        percent_done: The percentage of the cards that are done, 0 to 100, rounded down.
        members: The members of the project.
        last_activity_at: The time of the latest activity in the project or on one of its cards.
        estimate: The sum of the estimates of the unarchived cards; None if none of them is estimated.
    """

    cards: int
    by_status: StatusCounts
    by_column: list[ColumnCount]
    overdue: int
    due_soon: int
    done_in_7_days: int
    done_in_30_days: int
    percent_done: int
    members: list[ProjectMember]
    last_activity_at: datetime
    estimate: float | None = None


GET_PORTFOLIO = lists(
    "projects.portfolio",
    WorkspaceRef,
    "projects/portfolio",
    summary="Get a summary of every project of a workspace: cards by status and column, due cards and completed cards.",
    takes=ListProjects,
    item=PortfolioProject,
    policy=PORTFOLIO_READ,
)
