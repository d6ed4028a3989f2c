"""Saved filters of cards: services with which people list, save, change and delete them."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, get_set_fields, replace_fields
from stellary.contract.refs import SavedFilterRef, WorkspaceRef
from stellary.contract.saved_filters import (
    CREATE_SAVED_FILTER,
    DELETE_SAVED_FILTER,
    LIST_SAVED_FILTERS,
    OWN_FILTERS_MAX,
    SHARED_FILTERS_MAX,
    UPDATE_SAVED_FILTER,
    CreateSavedFilter,
    SavedFilter,
    UpdateSavedFilter,
)
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board import access
from stellary.core.board.finding import check_filter
from stellary.core.board.order.dense import DenseOrders
from stellary.core.board.queries.filters import check_in_workspace
from stellary.core.board.row_types import SavedFilterRow
from stellary.core.board.rules.fields import new_item
from stellary.core.board.tables import saved_filters
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import NoColumns, StoredItems


def _find_list(saved: SavedFilter) -> str:
    """Return the key of the list in which a filter has its order and a unique name."""
    return (saved.project_id or saved.workspace_id) + ("" if saved.shared else saved.created_by_id)


_FILTERS = StoredItems(
    SavedFilter,
    saved_filters,
    "Saved filter",
    NoColumns,
    renamed={"order": "position"},
    derived={"list_key": _find_list, "name_key": lambda saved: saved.name.casefold()},
    taken=lambda saved: (f"there is a saved filter {saved.name!r} already", "duplicate_name"),
)
_ORDERS = DenseOrders(saved_filters.c.position, saved_filters.c.list_key)
_IN_WORKSPACE = is_given(saved_filters.c.workspace_id)
_IS_OWN = is_given(saved_filters.c.created_by_id, "owner_id")
_VISIBLE = select(saved_filters).where(
    _IN_WORKSPACE, or_(saved_filters.c.shared, _IS_OWN), is_visible(saved_filters.c.project_id)
)
_PAGES = Pages(SavedFilterRow, _VISIBLE, saved_filters.c.id)
_ORDERED = Query(
    SavedFilterRow,
    _VISIBLE.order_by(saved_filters.c.shared, saved_filters.c.list_key, saved_filters.c.position),
)
_COUNT_OWN, _COUNT_SHARED = (
    select(func.count()).select_from(saved_filters).where(_IN_WORKSPACE, *conditions)
    for conditions in ((~saved_filters.c.shared, _IS_OWN), (saved_filters.c.shared,))
)
_COUNT_LIST = (
    select(func.count()).select_from(saved_filters).where(_IN_WORKSPACE, is_given(saved_filters.c.list_key))
)


@serves(LIST_SAVED_FILTERS)
def list_saved_filters(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[SavedFilter]:
    """Return the caller's filters and the shared ones by order; pages are in order of creation."""
    roles = accounts_access.workspace(uow, ref).roles
    parameters = {
        **roles.sight.parameters,
        "_workspace_id": roles.workspace_id,
        "_owner_id": uow.user_id,
    }
    if request.limit or request.cursor:
        return _PAGES.fetch(uow, request, _FILTERS.to_value, **parameters)
    return Listing([_FILTERS.to_value(row) for row in _ORDERED.all(uow.connection, parameters)])


@serves(CREATE_SAVED_FILTER)
def create_saved_filter(uow: UnitOfWork, ref: WorkspaceRef, request: CreateSavedFilter) -> SavedFilter:
    """Save a filter at its position.

    Raises:
        Invalid: The filter is malformed, or names an item that does not exist.
        Conflict: The name is taken, or there are too many filters.
    """
    lock_workspace(uow, ref)
    loaded = accounts_access.workspace(uow, ref)
    saved = build_value(
        SavedFilter,
        request,
        workspace_id=loaded.row.id,
        order=0,
        created_by_id=uow.user_id,
        **new_item(uow),
    )
    _check(uow, loaded.roles, saved)
    saved = _enter_list(uow, saved, request)
    _FILTERS.insert(uow, saved)
    return saved


@serves(UPDATE_SAVED_FILTER)
def update_saved_filter(uow: UnitOfWork, ref: SavedFilterRef, request: UpdateSavedFilter) -> SavedFilter:
    """Change the given fields of a filter.

    Raises:
        Invalid: The filter is malformed, or names an item that does not exist.
        Conflict: The name is taken, or there are too many filters.
    """
    lock_workspace(uow, ref)
    loaded = access.saved_filter(uow, ref)
    before = _FILTERS.to_value(loaded.row)
    after = replace_fields(before, **{**get_set_fields(request, SavedFilter), "order": before.order})
    if (after.filter, after.project_id) != (before.filter, before.project_id):
        _check(uow, loaded.roles, after)
    if _find_list(after) != _find_list(before):
        _ORDERS.leave(uow, _find_list(before), before.order)
        after = _enter_list(uow, after, request, is_counted=after.shared == before.shared)
    elif request.order is not UNSET:
        order = _ORDERS.move(uow, _find_list(after), before.order, request.order, _count_list(uow, after))
        after = replace_fields(after, order=order)
    if after != before:
        after = replace_fields(after, updated_at=uow.now)
        _FILTERS.update(uow, before, after)
    return after


@serves(DELETE_SAVED_FILTER)
def delete_saved_filter(uow: UnitOfWork, ref: SavedFilterRef) -> Ok:
    """Delete a filter for good."""
    lock_workspace(uow, ref)
    saved = _FILTERS.to_value(access.saved_filter(uow, ref).row)
    _FILTERS.delete(uow, saved)
    _ORDERS.leave(uow, _find_list(saved), saved.order)
    return Ok()


def _check(uow: UnitOfWork, roles: CallerRoles, saved: SavedFilter) -> None:
    """Check that the caller sees the project of a filter, and that its text is a filter there."""
    if saved.project_id is not None:
        check_in_workspace(uow, roles, "projectId", saved.project_id)
    elif not roles.sight.sees_outside:
        raise invalid(("projectId", "is required, since the token is bound to projects"))
    check_filter(uow, saved.workspace_id, saved.project_id, saved.filter)


def _count_list(uow: UnitOfWork, saved: SavedFilter) -> int:
    parameters = {"_workspace_id": saved.workspace_id, "_list_key": _find_list(saved)}
    return int(uow.connection.execute(_COUNT_LIST, parameters).scalar_one())


def _enter_list(
    uow: UnitOfWork,
    saved: SavedFilter,
    request: CreateSavedFilter | UpdateSavedFilter,
    *,
    is_counted: bool = False,
) -> SavedFilter:
    """Return a filter with the order at which it enters its list, where room is made for it.

    Args:
        saved: The filter.
        request: The request, which may have an order.
        is_counted: Whether the filter is among those that are limited already.

    Raises:
        Conflict: There are too many filters.
    """
    query, limit, owner = _COUNT_OWN, OWN_FILTERS_MAX, "a person has"
    if saved.shared:
        query, limit, owner = _COUNT_SHARED, SHARED_FILTERS_MAX, "a workspace has"
    parameters = {"_workspace_id": saved.workspace_id, "_owner_id": saved.created_by_id}
    if not is_counted and uow.connection.execute(query, parameters).scalar_one() >= limit:
        kind = "shared" if saved.shared else "own"
        raise Conflict(f"{owner} at most {limit} {kind} saved filters", code="saved_filters_full")
    count = _count_list(uow, saved)
    order = count if request.order is UNSET else min(request.order, count)
    if order < count:
        _ORDERS.enter(uow, _find_list(saved), order)
    return replace_fields(saved, order=order)
