"""Portfolio: where all projects of a workspace stand. Section Projects of the API reference."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.cards import StatusCounts
from stellary.contract.columns import ColumnCount
from stellary.contract.endpoint import lists
from stellary.contract.policies import BOARD_READ
from stellary.contract.projects import ListProjects, Project, ProjectMember
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import value


@value
class PortfolioProject(Project):
    """A project, and where it stands. Days are those of UTC; archived cards count only as what was done.

    Attributes:
        cards: How many are not archived.
        by_column: All columns, by scope and then by place.
        overdue: Cards that are not done and were due before today.
        due_soon: Cards that are not done and due today or within 7 days.
        done_in_7_days, done_in_30_days: Completed today or on the 6, the 29 days before it.
        percent_done: Of the cards, rounded down.
        members: Who works on it.
        last_activity_at: When something last happened in the project, or to one of its cards.
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


GET_PORTFOLIO = lists(
    "projects.portfolio",
    WorkspaceRef,
    "projects/portfolio",
    summary="Where each project of a workspace stands: cards by status and column, what is due, what was done.",
    takes=ListProjects,
    item=PortfolioProject,
    policy=BOARD_READ,
)

ENDPOINTS = (GET_PORTFOLIO,)
