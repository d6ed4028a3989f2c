"""The portfolio: figures of all projects of a workspace. Section Projects of the API reference."""

from __future__ import annotations

from stellary.contract.portfolio import GET_PORTFOLIO, PortfolioProject
from stellary.contract.projects import ListProjects
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Listing
from stellary.core.accounts import access
from stellary.core.board.projects import list_visible_projects
from stellary.core.board.queries import card_counts
from stellary.core.insights.rules import stats as rules
from stellary.core.insights.rules.days import since
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import last_activity

_ACTIVE = card_counts.select_projects(last_activity(card_counts.PROJECT_ID).label("active_at"))


@serves(GET_PORTFOLIO)
def get_portfolio(uow: UnitOfWork, ref: WorkspaceRef, request: ListProjects) -> Listing[PortfolioProject]:
    """Return the projects with their figures, oldest first, with a fixed number of statements."""
    page = list_visible_projects(uow, access.workspace(uow, ref).roles, request)
    ids = [project.id for project in page.items]
    card_counts_by_project = group(
        (count.project_id, count) for count in card_counts.load_project_card_counts(uow, ids, since(uow.now))
    )
    columns_by_project = group(card_counts.load_columns(uow, ids))
    members_by_project = group(card_counts.load_members(uow, ids))
    last_activities = {row.id: row.active_at for row in uow.connection.execute(_ACTIVE, {"_ids": ids})}
    return Listing(
        [
            rules.build_project_figures(
                project,
                card_counts_by_project[project.id],
                columns_by_project[project.id],
                members_by_project[project.id],
                last_activities[project.id],
            )
            for project in page.items
        ],
        page.next,
    )
