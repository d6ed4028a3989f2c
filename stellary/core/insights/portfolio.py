"""Portfolio: where all projects of a workspace stand. Section Projects of the API reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from stellary.contract.paging import Listing
from stellary.contract.portfolio import GET_PORTFOLIO, PortfolioProject
from stellary.contract.projects import ListProjects
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access
from stellary.core.board import card_counts
from stellary.core.board.projects import list_projects_of_workspace
from stellary.core.insights.rules import portfolio as rules
from stellary.core.insights.rules.days import since
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import last_activity

T = TypeVar("T")

_ACTIVE = card_counts.select_projects(last_activity(card_counts.PROJECT_ID).label("active_at"))


@serves(GET_PORTFOLIO)
def get_portfolio(uow: UnitOfWork, ref: WorkspaceRef, request: ListProjects) -> Listing[PortfolioProject]:
    """Where the projects stand, in the order in which they were made: as many statements for one as for a thousand."""
    page = list_projects_of_workspace(uow, access.workspace(uow, ref).row.id, request)
    ids = [project.id for project in page.items]
    counted = _by_project(
        (tally.project_id, tally) for tally in card_counts.load_project_card_counts(uow, ids, since(uow.now))
    )
    columns = _by_project(card_counts.load_columns(uow, ids))
    members = _by_project(card_counts.load_members(uow, ids))
    active = {row.id: row.active_at for row in uow.connection.execute(_ACTIVE, {"_ids": ids})}
    return Listing(
        [
            rules.standing(
                project,
                counted[project.id],
                columns[project.id],
                members[project.id],
                active[project.id],
            )
            for project in page.items
        ],
        page.next,
    )


def _by_project(found: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    made: dict[str, list[T]] = defaultdict(list)
    for project_id, each in found:
        made[project_id].append(each)
    return made
