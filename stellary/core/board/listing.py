"""Lists of the cards of a project: whole lists in board order, pages in order of creation."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Text,
    bindparam,
    cast,
    or_,
    select,
    type_coerce,
)

from stellary.contract.cards import LIST_CARDS, Card, ListCards
from stellary.contract.limits import ID_PATTERN
from stellary.contract.paging import Listing
from stellary.contract.refs import ProjectRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import utc
from stellary.core.board import access
from stellary.core.board.order.listed_orders import ListedPosition, load_orders
from stellary.core.board.queries import field_filters, searching
from stellary.core.board.queries.card_lists import COLUMNS, CardList
from stellary.core.board.queries.filters import check_in_project, check_person
from stellary.core.board.rows import card_rows
from stellary.core.board.tables import cards, columns, scopes
from stellary.core.kernel.paging import belongs_to, make_cursor, read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves

_Rows = Sequence[Sequence[Any]]

PAGE = 100
_ID, _COLUMN, _ARCHIVED = (
    card_rows.STORED.index(column) for column in (cards.c.id, cards.c.column_id, cards.c.archived)
)

_KEY: ColumnElement[str] = bindparam("_project_key", type_=String) + "-" + cast(cards.c.number, String)
_q: ColumnElement[str] = bindparam("q", type_=String)
_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "column_id": cards.c.column_id == bindparam("column_id"),
    "scope_id": cards.c.scope_id == bindparam("scope_id"),
    "assignee_id": cards.c.assignee_id == bindparam("assignee_id"),
    "label_id": type_coerce(cards.c.label_ids, Text).like(bindparam("label_id", type_=Text)),
    "priority": cards.c.priority == bindparam("priority"),
    "status": cards.c.status == bindparam("status"),
    "archived": cards.c.archived == bindparam("archived"),
    "due_before": cards.c.due_date < bindparam("due_before"),
    "due_after": cards.c.due_date > bindparam("due_after"),
    "updated_since": cards.c.updated_at >= bindparam("updated_since"),
    "q": or_(
        searching.contains(cards.c.title, _q),
        searching.contains(cards.c.description, _q),
        searching.contains(_KEY, _q),
    ),
}
_NONE: Mapping[str, ColumnElement[bool]] = {
    "assignee_id": cards.c.assignee_id.is_(None),
    "label_id": type_coerce(cards.c.label_ids, Text) == "[]",
    "priority": cards.c.priority.is_(None),
}
"""The conditions of filters whose value is ``none``."""
_CONDITIONS = {**_FILTERS, **{f"no {name}": condition for name, condition in _NONE.items()}}
_PAGE_CONDITIONS = {
    **_CONDITIONS,
    # An expression, since SQLite would otherwise use the index of positions, and read and sort the whole column.
    "column_id": cards.c.column_id.concat("") == bindparam("column_id"),
}
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


@serves(LIST_CARDS)
def list_cards(uow: UnitOfWork, ref: ProjectRef, request: ListCards) -> Listing[Card]:
    """Return the cards that match all filters."""
    project = access.project(uow, ref).row
    filters, absent_names = _read_filters(request)
    parameters = {"_project_id": project.id}
    if "q" in filters:
        searching.prepare(uow)
        parameters["_project_key"] = project.key
    names = frozenset(filters) | absent_names
    value_conditions = field_filters.conditions(uow, project.id, request.custom_field or ())
    if not request.limit and not request.cursor:
        has_whole_columns = names <= _WHOLE_COLUMNS and not value_conditions
        statement = _add_conditions(
            _select_whole(names, has_whole_columns=has_whole_columns), value_conditions
        )
        rows = uow.connection.execute(statement, {**parameters, **filters}).fetchall()
        if not rows:
            _check_ids(uow, project.workspace_id, project.id, request)
        if has_whole_columns:
            return Listing(_cards_of_whole_columns(rows, project.key))
        return Listing(_selected_cards(uow, project.id, project.key, rows))
    limit = request.limit or PAGE
    after = read_cursor(request.cursor) if request.cursor else ""
    page_parameters = {**parameters, **filters, "_after": after, "_limit": limit + 1}
    rows = uow.connection.execute(
        _add_conditions(_select_page(names), value_conditions), page_parameters
    ).fetchall()
    if not rows:
        _check_ids(uow, project.workspace_id, project.id, request)
    next_cursor = make_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Listing(_selected_cards(uow, project.id, project.key, rows[:limit]), next_cursor)


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


def all_cards(uow: UnitOfWork, project_id: str, project_key: str) -> list[Card]:
    """Return all cards of a project in board order, archived cards last.

    Args:
        uow: The unit of work.
        project_id: The project.
        project_key: Its key, with which the keys of cards begin.
    """
    rows = uow.connection.execute(
        _select_whole(frozenset(), has_whole_columns=True), {"_project_id": project_id}
    ).fetchall()
    return list(_cards_of_whole_columns(rows, project_key))


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
    values = {name: value for name in _FILTERS if (value := getattr(request, name)) is not UNSET}
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
    return (
        select(*position, *COLUMNS)
        .where(cards.c.project_id == _PROJECT_ID, *(_CONDITIONS[name] for name in sorted(names)))
        .join(columns, columns.c.id == cards.c.column_id)
        .join(scopes, scopes.c.id == columns.c.scope_id)
        .order_by(*_BOARD_ORDER)
    )


@functools.lru_cache(maxsize=256)
def _select_page(names: frozenset[str]) -> Select[Any]:
    return (
        select(cards.c.position, *COLUMNS)
        .where(belongs_to(cards.c.project_id, _PROJECT_ID), cards.c.id > bindparam("_after"))
        .where(*(_PAGE_CONDITIONS[name] for name in sorted(names)))
        .order_by(cards.c.project_id, cards.c.id)
        .limit(bindparam("_limit"))
    )


def _add_conditions(rows: Select[Any], value_conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    # Building a statement costs as much as fetching forty cards.
    return rows.where(*value_conditions) if value_conditions else rows


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
