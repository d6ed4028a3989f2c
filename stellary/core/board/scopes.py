"""Scopes: the work packages of a project. Section Scopes of the API reference."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, delete, func, select

from stellary.contract.endpoint import Deleted
from stellary.contract.fields import field_names, replace_fields
from stellary.contract.refs import ProjectRef, ScopeRef
from stellary.contract.scope_views import SET_VIEW, ScopeViews, SetView, ViewData
from stellary.contract.scopes import (
    CREATE_SCOPE,
    DELETE_SCOPE,
    GET_SCOPE,
    LIST_SCOPES,
    UPDATE_SCOPE,
    CreateScope,
    DeleteScope,
    Scope,
    ScopeColumn,
    UpdateScope,
)
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.core.board import access
from stellary.core.board.changes import card_moves
from stellary.core.board.columns import COLUMNS, column_values, scope_columns
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.order.siblings import SiblingOrders
from stellary.core.board.queries.recipient_queries import select_commenters
from stellary.core.board.row_types import ScopeRow
from stellary.core.board.rows import scope_rows
from stellary.core.board.rules import scopes as rules
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, scopes
from stellary.core.db.base import is_given
from stellary.core.kernel import trash
from stellary.core.kernel.events import CardDeleted
from stellary.core.kernel.grouping import group
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages, keep_row
from stellary.core.kernel.unit import UnitOfWork, serves

_LIST = Pages(ScopeRow, scope_rows.OF_PROJECT, scopes.c.id)
_COUNT = select(func.count()).where(is_given(scopes.c.project_id))
# The columns that a new scope copies.
_DEFAULT_COLUMNS: Select[Any] = (
    select(*(columns.c[name] for name in field_names(ScopeColumn)))
    .join_from(columns, scopes)
    .where(is_given(scopes.c.project_id), scopes.c.is_default)
    .order_by(columns.c.position)
)
_OWN_COLUMNS = select(columns.c.id).where(is_given(columns.c.scope_id, "id"))
_IS_IN_SCOPE = cards.c.column_id.in_(_OWN_COLUMNS)
_COMMENTERS = select_commenters(select(cards.c.id).where(_IS_IN_SCOPE).scalar_subquery()).distinct()
_DELETE_CARDS = delete(cards).where(_IS_IN_SCOPE)
SCOPE_ORDERS = SiblingOrders(scopes.c.position, scopes.c.project_id, "scope")


@serves(CREATE_SCOPE)
def create_scope(uow: UnitOfWork, ref: ProjectRef, request: CreateScope) -> Scope:
    """Create a scope, at the end unless the request has an order, with its own columns or copies of the default scope's."""
    project = access.load_locked_project(uow, ref).row
    parameters = {"_project_id": project.id}
    count = uow.connection.execute(_COUNT, parameters).scalar_one()
    order = count if request.order is UNSET else min(request.order, count)
    if request.columns is UNSET:
        rows = uow.connection.execute(_DEFAULT_COLUMNS, parameters)
        initial_columns = [ScopeColumn(**row._mapping) for row in rows]
    else:
        initial_columns = request.columns
    scope = rules.build_scope(uow, request, project.id, order)
    columns = [
        rules.build_column(uow, column, project.id, scope.id, index)
        for index, column in enumerate(initial_columns)
    ]
    scope = replace_fields(scope, columns=columns)
    if order < count:
        SCOPE_ORDERS.enter(uow, project.id, order)
    scope_rows.FIELDS.insert(uow, scope)
    COLUMNS.insert_all(uow, columns)
    emit_change(uow, project.workspace_id, None, scope)
    for column in columns:
        emit_change(uow, project.workspace_id, None, column)
    return scope


@serves(LIST_SCOPES)
def list_scopes(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[Scope]:
    """Return the scopes by order; pages are in order of creation."""
    project = access.project(uow, ref).row
    columns = column_values(uow, project.id)
    if not request.limit and not request.cursor:
        return Listing(scope_rows.project_scopes(uow, project.id, columns))
    page = _LIST.fetch(uow, request, keep_row, _project_id=project.id)
    return Listing(scope_rows.with_columns(page.items, columns), page.next)


@serves(GET_SCOPE)
def get_scope(uow: UnitOfWork, ref: ScopeRef) -> Scope:
    """Return a scope with its columns."""
    return _value(uow, access.scope(uow, ref).row)


@serves(UPDATE_SCOPE)
def update_scope(uow: UnitOfWork, ref: ScopeRef, request: UpdateScope) -> Scope:
    """Update a scope; another ``order`` moves it within its project."""
    loaded = access.load_locked_scope(uow, ref)
    row = loaded.row
    before = _value(uow, row)
    # Checked before anything is moved, so that nothing has changed if a host continues the unit after an error.
    after = rules.apply_update(before, request, before.order, uow.now)
    if request.order is not UNSET:
        count = uow.connection.execute(_COUNT, {"_project_id": row.project_id}).scalar_one()
        order = SCOPE_ORDERS.move(uow, row.project_id, before.order, request.order, count)
        after = rules.apply_update(before, request, order, uow.now)
        if order != before.order:
            SCOPE_ORDERS.forget_place(uow, row.project_id, row.id)
    scope_rows.FIELDS.update(uow, before, after)
    emit_change(uow, loaded.roles.workspace_id, before, after)
    return after


@serves(DELETE_SCOPE)
def delete_scope(uow: UnitOfWork, ref: ScopeRef, request: DeleteScope) -> Deleted:
    """Move a scope to the trash with its columns; its cards move to the column of ``moveCardsTo``, or go with it."""
    loaded = access.load_locked_scope(uow, ref)
    row, workspace_id = loaded.row, loaded.roles.workspace_id
    columns = lock_columns(uow, row.project_id)
    target = _target(columns, row.id, request)
    rules.check_deletable(row.is_default)
    deleted_scope = _value(uow, row)
    moves: dict[str, object] = {}
    if target is not None:
        source_columns = [
            columns[scope_column.id] for scope_column in scope_columns(uow, row.project_id, row.id)
        ]
        moves = card_moves.empty_columns(uow, workspace_id, source_columns, target, row.project_id)
    else:
        column_ids = [column.id for column in columns.values() if column.scope_id == row.id]
        _emit_deletions(uow, workspace_id, row, column_ids)
    item = trash.Item(row.id, row.name, row.project_id)
    trash_id = trash.put_item(uow, scopes, "scope", item, loaded.roles)
    trash.add_references(uow, trash_id, cards.c.column_id, moves)
    SCOPE_ORDERS.store_place(uow, trash_id, row.project_id, item)
    # Cards are deleted first, since the database does not delete a column that still has cards.
    uow.connection.execute(_DELETE_CARDS, {"_id": row.id})
    scope_rows.FIELDS.delete(uow, deleted_scope)
    SCOPE_ORDERS.leave(uow, row.project_id, row.position)
    for column in deleted_scope.columns:
        emit_change(uow, workspace_id, column, None)
    emit_change(uow, workspace_id, deleted_scope, None)
    return Deleted(broken_automations=[])


@serves(SET_VIEW)
def set_view(uow: UnitOfWork, ref: ScopeRef, request: SetView) -> ScopeViews:
    """Switch the active view of a scope for everyone, or save settings of a view."""
    loaded = access.load_locked_scope(uow, ref)
    row = loaded.row
    if request.type is not UNSET and request.settings is UNSET:
        raise invalid(("type", "must be given together with settings; activeView switches the view"))
    active, settings = rules.apply_view(row.active_view, row.view_settings, request)
    if (active, settings) != (row.active_view, row.view_settings):
        before = _value(uow, row)
        after = replace_fields(before, active_view=active, views=rules.views(settings), updated_at=uow.now)
        scope_rows.FIELDS.update(uow, before, after)
        emit_change(uow, loaded.roles.workspace_id, before, after)
    return ScopeViews(active_view=active, views=rules.views(settings), data=None)


def views_of(row: ScopeRow, data: ViewData | None) -> ScopeViews:
    """Return the views of a scope whose access was checked, with the data of one of them.

    Args:
        row: The row of the scope.
        data: The data of the requested view; None if none was requested.
    """
    return ScopeViews(active_view=row.active_view, views=rules.views(row.view_settings), data=data)


def _target(columns: dict[str, LockedColumn], scope_id: str, request: DeleteScope) -> LockedColumn | None:
    """Return the column that takes the cards; None if they are deleted."""
    if request.move_cards_to is UNSET:
        return None
    target = columns.get(request.move_cards_to)
    if target is None:
        raise unknown("moveCardsTo")
    if target.scope_id == scope_id:
        raise invalid(("moveCardsTo", "must be a column of another scope"))
    return target


def _emit_deletions(uow: UnitOfWork, workspace_id: str, row: ScopeRow, column_ids: list[str]) -> None:
    """Emit the deletion of each card, as if it were deleted alone."""
    commenter_rows = uow.connection.execute(_COMMENTERS, {"_id": row.id})
    commenters = group((commenter.card_id, commenter.author_id) for commenter in commenter_rows)
    ids = {"workspace_id": workspace_id, "project_id": row.project_id}
    for locked in card_moves.lock_cards_of_columns(uow, row.project_id, column_ids):
        commenter_ids = tuple(commenters[locked.card.id])
        uow.emit(CardDeleted(**ids, card=locked.card, commenter_ids=commenter_ids))


def _value(uow: UnitOfWork, row: ScopeRow) -> Scope:
    return scope_rows.scope(row, scope_columns(uow, row.project_id, row.id))
