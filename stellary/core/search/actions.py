"""The action that searches a workspace."""

from __future__ import annotations

from stellary.contract.actions import SearchParams
from stellary.contract.fields import convert
from stellary.contract.refs import WorkspaceRef
from stellary.contract.search import SEARCH, Hit, Search
from stellary.contract.wire import UNSET, Listing
from stellary.core.board import resolve_names
from stellary.core.kernel.actions import ActionList
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.search import search

ACTIONS = ActionList()


@ACTIONS.add("board.read", SearchParams, SEARCH)
def _search(uow: UnitOfWork, ref: WorkspaceRef, params: SearchParams) -> Listing[Hit]:
    """Search the cards, comments and projects of the workspace, best match first."""
    resolve_names.resolve_workspace(uow, ref)
    filters = {}
    if params.project_id is not UNSET:
        filters["project_id"] = resolve_names.resolve_project(uow, ref, params.project_id).project_id
    return search.search(uow, ref, convert(Search, params, **filters))
