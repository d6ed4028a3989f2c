"""Columns of a board. Section Columns of the API reference."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from stellary.contract.columns import (
    CREATE_COLUMN,
    DELETE_COLUMN,
    LIST_COLUMNS,
    UPDATE_COLUMN,
    Column,
    CreateColumn,
    DeleteColumn,
    ListColumns,
    UpdateColumn,
)
from stellary.contract.endpoint import Deleted
from stellary.contract.errors import Conflict
from stellary.contract.fields import get_set_fields, replace_fields
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.contract.wire import UNSET, Listing, invalid
from stellary.core.board import access
from stellary.core.board.changes import card_moves
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import lock_columns, lock_project
from stellary.core.board.order.siblings import SiblingOrders
from stellary.core.board.queries.filters import check_in_project
from stellary.core.board.row_types import ColumnRow
from stellary.core.board.rules.references import unknown
from stellary.core.board.rules.scopes import build_column
from stellary.core.board.tables import IS_ESTIMATED, cards, columns, scopes
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import NoColumns, StoredItems

_ESTIMATE = (
    select(func.sum(cards.c.estimate))
    .where(cards.c.project_id == columns.c.project_id, cards.c.column_id == columns.c.id, IS_ESTIMATED)
    .scalar_subquery()
)
_IN_PROJECT: Select[Any] = select(*columns.c, ordering.CARD_COUNT, _ESTIMATE.label("card_estimate")).where(
    is_given(columns.c.project_id)
)
_BOARD_ORDER = (scopes.c.position, scopes.c.id, columns.c.position, columns.c.id)

_IN_SCOPE = _IN_PROJECT.where(is_given(columns.c.scope_id))
_LIST, _LIST_SCOPE = (
    Query(ColumnRow, rows.join(scopes).order_by(*_BOARD_ORDER)) for rows in (_IN_PROJECT, _IN_SCOPE)
)
_PAGES, _PAGES_SCOPE = (Pages(ColumnRow, rows, columns.c.id) for rows in (_IN_PROJECT, _IN_SCOPE))
_ONE = Query(ColumnRow, _IN_PROJECT.where(is_given(columns.c.id)))
_SCOPE: Select[Any] = select(
    scopes.c.id,
    select(func.count()).select_from(columns).where(columns.c.scope_id == scopes.c.id).scalar_subquery(),
).where(is_given(scopes.c.project_id))
_DEFAULT_SCOPE = _SCOPE.where(scopes.c.is_default)
_NAMED_SCOPE = _SCOPE.where(is_given(scopes.c.id, "scope_id"))
COLUMN_ORDERS = SiblingOrders(columns.c.position, columns.c.scope_id, "column")
COLUMNS = StoredItems(
    Column,
    columns,
    "Column",
    NoColumns,
    computed=("card_count", "card_estimate"),
    renamed={"order": "position"},
    internal=("directory",),
)


@serves(CREATE_COLUMN)
def create_column(uow: UnitOfWork, ref: ProjectRef, request: CreateColumn) -> Column:
    """Create a column in a scope, at the end unless the request has an order."""
    project = access.load_locked_project(uow, ref).row
    parameters = {"_project_id": project.id}
    if request.scope_id is UNSET:
        scope = uow.connection.execute(_DEFAULT_SCOPE, parameters).first()
    else:
        scope = uow.connection.execute(_NAMED_SCOPE, {**parameters, "_scope_id": request.scope_id}).first()
    if scope is None:
        raise unknown("scopeId")
    scope_id, count = scope
    order = count if request.order is UNSET else min(request.order, count)
    column = build_column(uow, request, project.id, scope_id, order)
    if order < count:
        lock_columns(uow, project.id)
        COLUMN_ORDERS.enter(uow, scope_id, order)
    COLUMNS.insert(uow, column)
    emit_change(uow, project.workspace_id, None, column)
    return column


@serves(LIST_COLUMNS)
def list_columns(uow: UnitOfWork, ref: ProjectRef, request: ListColumns) -> Listing[Column]:
    """Return the columns by scope and order; pages are in order of creation."""
    project = access.project(uow, ref).row
    parameters = {"_project_id": project.id}
    query, pages = _LIST, _PAGES
    if request.scope_id is not UNSET:
        parameters["_scope_id"] = request.scope_id
        query, pages = _LIST_SCOPE, _PAGES_SCOPE
    if request.limit or request.cursor:
        listing = pages.fetch(uow, request, column_value, **parameters)
    else:
        listing = Listing([column_value(row) for row in query.all(uow.connection, parameters)])
    if not listing.items and request.scope_id is not UNSET:
        check_in_project(uow, project.workspace_id, project.id, "scopeId", request.scope_id)
    return listing


def column_values(uow: UnitOfWork, project_id: str) -> list[Column]:
    """Return all columns of a project by scope and order.

    Args:
        project_id: The project.
    """
    return [column_value(row) for row in _LIST.all(uow.connection, {"_project_id": project_id})]


def scope_columns(uow: UnitOfWork, project_id: str, scope_id: str) -> list[Column]:
    """Return the columns of a scope by order.

    Args:
        project_id: The project of the scope.
        scope_id: The scope.
    """
    parameters = {"_project_id": project_id, "_scope_id": scope_id}
    return [column_value(row) for row in _LIST_SCOPE.all(uow.connection, parameters)]


@serves(UPDATE_COLUMN)
def update_column(uow: UnitOfWork, ref: ColumnRef, request: UpdateColumn) -> Column:
    """Update a column; another ``order`` moves it within its scope."""
    loaded = access.column(uow, ref)
    before = _load_locked(uow, ref)
    column = column_value(before)
    after = replace_fields(column, **get_set_fields(request, Column))
    if request.order is not UNSET:
        after = replace_fields(after, order=_make_room(uow, before, request.order))
        if after.order != column.order:
            COLUMN_ORDERS.forget_place(uow, before.project_id, before.id)
    if after != column:
        COLUMNS.update(uow, column, replace_fields(after, updated_at=uow.now))
    updated = column_value(_read(uow, ref))
    emit_change(uow, loaded.roles.workspace_id, column, updated)
    return updated


@serves(DELETE_COLUMN)
def delete_column(uow: UnitOfWork, ref: ColumnRef, request: DeleteColumn) -> Deleted:
    """Move a column to the trash; its cards, including archived ones, move to the column of ``moveCardsTo``."""
    loaded = access.column(uow, ref)
    if request.move_cards_to == ref.column_id:
        raise invalid(("moveCardsTo", "must be another column"))
    before = _load_locked(uow, ref)
    moves: dict[str, object] = {}
    if request.move_cards_to is not UNSET:
        locked_columns = lock_columns(uow, ref.project_id)
        if request.move_cards_to not in locked_columns:
            raise unknown("moveCardsTo")
        source, target = locked_columns[before.id], locked_columns[request.move_cards_to]
        moves = card_moves.empty_columns(uow, loaded.roles.workspace_id, [source], target, before.project_id)
    elif ordering.has_cards(uow, before.id):
        raise Conflict("the column has cards: moveCardsTo is required", code="column_not_empty")
    item = trash.Item(before.id, before.name, before.project_id)
    trash_id = trash.put_item(uow, columns, "column", item, loaded.roles)
    trash.add_references(uow, trash_id, cards.c.column_id, moves)
    COLUMN_ORDERS.store_place(uow, trash_id, before.scope_id, item)
    column = column_value(before)
    COLUMNS.delete(uow, column)
    COLUMN_ORDERS.leave(uow, before.scope_id, before.position)
    emit_change(uow, loaded.roles.workspace_id, column, None)
    return Deleted(broken_automations=[])


def read_column(uow: UnitOfWork, ref: ColumnRef) -> Column:
    """Return a column whose access was checked.

    Args:
        ref: The column.
    """
    return column_value(_read(uow, ref))


def _load_locked(uow: UnitOfWork, ref: ColumnRef) -> ColumnRow:
    """Lock the project and its columns until the transaction ends, and return the column."""
    lock_project(uow, ref.project_id)
    lock_columns(uow, ref.project_id)
    return _read(uow, ref)


def _read(uow: UnitOfWork, ref: ColumnRef) -> ColumnRow:
    row = _ONE.first(uow.connection, {"_project_id": ref.project_id, "_id": ref.column_id})
    return access.require_row(row, "Column")


def _make_room(uow: UnitOfWork, before: ColumnRow, order: int) -> int:
    """Make room in the scope for a column at another order; return that order, which is at most the end."""
    scope = {"_project_id": before.project_id, "_scope_id": before.scope_id}
    count = uow.connection.execute(_NAMED_SCOPE, scope).one()[1]
    return COLUMN_ORDERS.move(uow, before.scope_id, before.position, order, count)


def column_value(row: ColumnRow) -> Column:
    """Return the column of a row of the statements above."""
    return COLUMNS.to_value(row, card_count=ordering.read_card_count(row), card_estimate=row.card_estimate)
