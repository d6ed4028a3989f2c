"""Lists of the cards of a project: whole lists in board order, pages in order of creation."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from stellary.contract.cards import LIST_CARDS, Card, ListCards
from stellary.contract.limits import ID_PATTERN
from stellary.contract.paging import Listing
from stellary.contract.refs import ProjectRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import utc
from stellary.core.board import access
from stellary.core.board.order.listed_orders import ListedPosition, load_orders
from stellary.core.board.queries import card_pages, field_filters, searching
from stellary.core.board.queries.card_filters import CONDITIONS, NAMES
from stellary.core.board.queries.card_lists import COLUMNS, CardList
from stellary.core.board.queries.filters import check_in_project, check_person
from stellary.core.board.rows import card_rows
from stellary.core.board.tables import cards, columns, scopes
from stellary.core.kernel.paging import read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves

_Rows = Sequence[Sequence[Any]]

PAGE = 100
_ID, _COLUMN, _ARCHIVED = (
    card_rows.STORED.index(column) for column in (cards.c.id, cards.c.column_id, cards.c.archived)
)

_MOMENTS = ("due_before", "due_after", "updated_since")
_WHOLE_COLUMNS = frozenset({"column_id", "scope_id", "archived"})
"""Filters that select whole columns, so that the orders of cards follow from the rows."""

_PROJECT_ID = bindparam("_project_id", type_=cards.c.project_id.type)
_BOARD_ORDER = (
    cards.c.archived,
    scopes.c.position,
    scopes.c.id,
    columns.c.position,
    columns.c.id,
    cards.c.position,
    cards.c.id,
)


def in_board_order(statement: Select[Any]) -> Select[Any]:
    """Return a statement of cards by column and position, archived cards last."""
    return (
        statement.join(columns, columns.c.id == cards.c.column_id)
        .join(scopes, scopes.c.id == columns.c.scope_id)
        .order_by(*_BOARD_ORDER)
    )


@serves(LIST_CARDS)
def list_cards(uow: UnitOfWork, ref: ProjectRef, request: ListCards) -> Listing[Card]:
    """Return the cards that match all filters."""
    project = access.project(uow, ref).row
    filters, absent_names = _read_filters(request)
    parameters: dict[str, object] = {"_project_id": project.id}
    if "q" in filters:
        searching.prepare(uow)
        parameters["_project_key"] = project.key
    names = frozenset(filters) | absent_names
    field_values = field_filters.read_values(uow, project.id, request.custom_field or ())
    value_conditions = field_filters.build_conditions(uow, field_values)
    if not request.limit and not request.cursor:
        has_whole_columns = names <= _WHOLE_COLUMNS and not value_conditions
        statement = _select_whole(names, has_whole_columns=has_whole_columns)
        if value_conditions:
            statement = statement.where(*value_conditions)
        rows = uow.connection.execute(statement, {**parameters, **filters}).fetchall()
        if not rows:
            _check_ids(uow, project.workspace_id, project.id, request)
        if has_whole_columns:
            return Listing(_cards_of_whole_columns(rows, project.key))
        return Listing(_selected_cards(uow, project.id, project.key, rows))
    parameters |= {**filters, "_after": read_cursor(request.cursor) if request.cursor else ""}
    if isinstance(request.label_id, str):
        parameters["_label"] = request.label_id
    if (term := field_filters.find_term(field_values)) is not None:
        names |= {card_pages.TERM}
        parameters["_term"] = term
    page_rows, cursor = card_pages.fetch_page(uow, names, value_conditions, parameters, request.limit or PAGE)
    if not page_rows:
        _check_ids(uow, project.workspace_id, project.id, request)
    return Listing(_selected_cards(uow, project.id, project.key, page_rows), cursor)


def board_cards(uow: UnitOfWork, project_id: str, project_key: str) -> CardList:
    """Return the unarchived cards of a project in board order.

    Args:
        uow: The unit of work.
        project_id: The project.
        project_key: Its key, with which the keys of cards begin.
    """
    rows = uow.connection.execute(
        _select_whole(frozenset({"archived"}), has_whole_columns=True),
        {"_project_id": project_id, "archived": False},
    ).fetchall()
    return _cards_of_whole_columns(rows, project_key)


def scope_cards(uow: UnitOfWork, project_id: str, project_key: str, scope_id: str) -> CardList:
    """Return the unarchived cards of a scope by column and order.

    Args:
        uow: The unit of work.
        project_id: The project of the scope.
        project_key: Its key, with which the keys of cards begin.
        scope_id: The scope.
    """
    parameters = {"_project_id": project_id, "scope_id": scope_id, "archived": False}
    rows = uow.connection.execute(
        _select_whole(frozenset({"scope_id", "archived"}), has_whole_columns=True), parameters
    ).fetchall()
    return _cards_of_whole_columns(rows, project_key)


def _check_ids(uow: UnitOfWork, workspace_id: str, project_id: str, request: ListCards) -> None:
    """Check the ids in the filters of a list without cards.

    Raises:
        Invalid: An id does not exist.
    """
    for name, field in (("column_id", "columnId"), ("scope_id", "scopeId"), ("label_id", "labelId")):
        if isinstance(id := getattr(request, name), str):
            check_in_project(uow, workspace_id, project_id, field, id)
    if isinstance(request.assignee_id, str):
        check_person(uow, workspace_id, "assigneeId", request.assignee_id)


def _read_filters(request: ListCards) -> tuple[dict[str, object], frozenset[str]]:
    """Return the values of the filters, and the names of the filters for cards without a value."""
    values = {name: value for name in NAMES if (value := getattr(request, name)) is not UNSET}
    absent_names = frozenset(f"no {name}" for name, value in values.items() if value is None)
    filters = {name: value for name, value in values.items() if value is not None}
    for name in _MOMENTS:
        if name in filters:
            filters[name] = utc(filters[name])
    if "q" in filters:
        filters["q"] = searching.pattern_of(filters["q"])
    if "label_id" in filters:
        # An id has 24 hex digits, so a quoted id only matches itself. A text that is not an id matches no card.
        id = filters["label_id"]
        filters["label_id"] = f'%"{id}"%' if re.fullmatch(ID_PATTERN, id) else ""
    return filters, absent_names


@functools.lru_cache(maxsize=256)
def _select_whole(names: frozenset[str], *, has_whole_columns: bool) -> Select[Any]:
    """Return the statement of a whole list, built once per combination of filters."""
    position = () if has_whole_columns else (cards.c.position,)
    conditions = (CONDITIONS[name] for name in sorted(names))
    return in_board_order(select(*position, *COLUMNS).where(cards.c.project_id == _PROJECT_ID, *conditions))


def _cards_of_whole_columns(rows: _Rows, project_key: str) -> CardList:
    """Return the cards of rows that include all unarchived cards of each column, in order."""
    orders = []
    column_id, order = "", 0
    for row in rows:
        column_id, order = row[_COLUMN], order + 1 if row[_COLUMN] == column_id else 0
        orders.append(order)
    return CardList(rows, orders, project_key)


def _selected_cards(uow: UnitOfWork, project_id: str, project_key: str, rows: _Rows) -> CardList:
    """Return the cards of rows from any combination of filters. The first column of each row is the position."""
    stored_rows = [row[1:] for row in rows]
    positions = [
        ListedPosition(stored[_COLUMN], row[0], stored[_ID])
        for row, stored in zip(rows, stored_rows, strict=True)
        if not stored[_ARCHIVED]
    ]
    orders = load_orders(uow, project_id, positions)
    return CardList(stored_rows, [orders.get(stored[_ID]) for stored in stored_rows], project_key)
