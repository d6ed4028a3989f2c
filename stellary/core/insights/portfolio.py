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
from stellary.core.board import tallies
from stellary.core.board.projects import projects_of
from stellary.core.insights.rules import portfolio as rules
from stellary.core.insights.rules.days import since
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import last_activity

T = TypeVar("T")

_ACTIVE = tallies.of_each_project(last_activity(tallies.PROJECT_ID).label("active_at"))


@serves(GET_PORTFOLIO)
def get_portfolio(uow: UnitOfWork, ref: WorkspaceRef, request: ListProjects) -> Listing[PortfolioProject]:
    """Where the projects stand, in the order in which they were made: as many statements for one as for a thousand."""
    page = projects_of(uow, access.workspace(uow, ref).row.id, request)
    ids = [project.id for project in page.items]
    counted = _by_project(
        (tally.project_id, tally) for tally in tallies.of_projects(uow, ids, since(uow.now))
    )
    columns = _by_project(tallies.columns_of(uow, ids))
    members = _by_project(tallies.members_of(uow, ids))
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
