"""The cards of a project as a list: whole in the order of the board, or by the page in the order of creation."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    Text,
    bindparam,
    cast,
    false,
    func,
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
from stellary.core.board import access, card_rows, field_filters, searching
from stellary.core.board.card_lists import COLUMNS, CardList
from stellary.core.board.filters import check_in_project, check_person
from stellary.core.board.tables import cards, columns, scopes
from stellary.core.kernel.paging import make_cursor, read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves

PAGE = 100
_COLUMN = card_rows.STORED.index(cards.c.column_id)

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
"""What is asked for where a filter is ``none``."""
_CONDITIONS = {**_FILTERS, **{f"no {name}": condition for name, condition in _NONE.items()}}
_MOMENTS = ("due_before", "due_after", "updated_since")
_WHOLE_COLUMNS = frozenset({"column_id", "scope_id", "archived"})
"""Filters that leave columns whole, so that places are counted as the cards come."""

_IN_PROJECT = cards.c.project_id == bindparam("_project_id")
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
    """The cards that pass all filters."""
    project = access.project(uow, ref).row
    filters, absent = _asked(request)
    place = {"_project_id": project.id}
    if "q" in filters:
        searching.prepare(uow)
        place["_project_key"] = project.key
    names = frozenset(filters) | absent
    valued = field_filters.conditions(uow, project.id, request.custom_field or ())
    if not request.limit and not request.cursor:
        counted = names <= _WHOLE_COLUMNS and not valued
        whole = _also(_whole(names, counted=counted), valued)
        rows = uow.connection.execute(whole, {**place, **filters}).fetchall()
        if not rows:
            _check_ids(uow, project.workspace_id, project.id, request)
        return Listing(_cards(rows, project.key, counted=counted))
    limit = request.limit or PAGE
    after = read_cursor(request.cursor) if request.cursor else ""
    page = {**place, **filters, "_after": after, "_limit": limit + 1}
    rows = uow.connection.execute(_also(_page(names), valued), page).fetchall()
    if not rows:
        _check_ids(uow, project.workspace_id, project.id, request)
    found = _cards(rows, project.key, counted=False)
    more = make_cursor(found[limit - 1].id) if len(found) > limit else None
    return Listing(found[:limit], more)


def board_cards(uow: UnitOfWork, project_id: str, project_key: str) -> CardList:
    """All cards of a project that are not archived, in the order of the board."""
    rows = uow.connection.execute(
        _whole(frozenset({"archived"}), counted=True), {"_project_id": project_id, "archived": False}
    ).fetchall()
    return _cards(rows, project_key, counted=True)


def scope_cards(uow: UnitOfWork, project_id: str, project_key: str, scope_id: str) -> CardList:
    """The cards of a scope that are not archived, by column and then by place."""
    place = {"_project_id": project_id, "scope_id": scope_id, "archived": False}
    rows = uow.connection.execute(_whole(frozenset({"scope_id", "archived"}), counted=True), place).fetchall()
    return _cards(rows, project_key, counted=True)


def all_cards(uow: UnitOfWork, project_id: str, project_key: str) -> list[Card]:
    """All cards of a project in the order of the board, the archived ones after them."""
    rows = uow.connection.execute(_whole(frozenset(), counted=True), {"_project_id": project_id}).fetchall()
    return list(_cards(rows, project_key, counted=True))


def _check_ids(uow: UnitOfWork, workspace_id: str, project_id: str, request: ListCards) -> None:
    """Check the ids of a list in which nothing was found.

    Raises:
        Invalid: One of them names nothing.
    """
    for name, field in (("column_id", "columnId"), ("scope_id", "scopeId"), ("label_id", "labelId")):
        if isinstance(id := getattr(request, name), str):
            check_in_project(uow, workspace_id, project_id, field, id)
    if isinstance(request.assignee_id, str):
        check_person(uow, workspace_id, "assigneeId", request.assignee_id)


def _asked(request: ListCards) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the values of the filters that are given, and the names of those that ask for what has none."""
    asked = {name: value for name in _FILTERS if (value := getattr(request, name)) is not UNSET}
    absent = frozenset(f"no {name}" for name, value in asked.items() if value is None)
    found = {name: value for name, value in asked.items() if value is not None}
    for name in _MOMENTS:
        if name in found:
            found[name] = utc(found[name])
    if "q" in found:
        found["q"] = searching.pattern_of(found["q"])
    if "label_id" in found:
        # An id is 24 hex digits: in quotes it is found as itself and nothing else. Whatever is none is on no card.
        id = found["label_id"]
        found["label_id"] = f'%"{id}"%' if re.fullmatch(ID_PATTERN, id) else ""
    return found, absent


@functools.lru_cache(maxsize=256)
def _whole(names: frozenset[str], *, counted: bool) -> Select[Any]:
    """The statement of a whole list, built once for each combination of filters."""
    return (
        _filtered(names, counted=counted)
        .join(columns, columns.c.id == cards.c.column_id)
        .join(scopes, scopes.c.id == columns.c.scope_id)
        .order_by(*_BOARD_ORDER)
    )


@functools.lru_cache(maxsize=256)
def _page(names: frozenset[str]) -> Select[Any]:
    return (
        _filtered(names, counted=False)
        .where(cards.c.id > bindparam("_after"))
        .order_by(cards.c.id)
        .limit(bindparam("_limit"))
    )


def _also(rows: Select[Any], valued: Sequence[ColumnElement[bool]]) -> Select[Any]:
    # A statement that is made anew costs as much as fetching forty cards.
    return rows.where(*valued) if valued else rows


def _filtered(names: frozenset[str], *, counted: bool) -> Select[Any]:
    conditions = [_IN_PROJECT, *(_CONDITIONS[name] for name in sorted(names))]
    if counted:
        return select(*COLUMNS).where(*conditions)
    # A card's place is that among all of its column, not among those that are asked for.
    standing = cards.alias("standing")
    placed = (
        select(
            standing.c.id,
            (
                func.row_number().over(
                    partition_by=standing.c.column_id, order_by=(standing.c.position, standing.c.id)
                )
                - 1
            ).label("place"),
        )
        .where(standing.c.project_id == bindparam("_project_id"), standing.c.archived == false())
        .subquery("placed")
    )
    return (
        select(placed.c.place, *COLUMNS)
        .select_from(cards.outerjoin(placed, placed.c.id == cards.c.id))
        .where(*conditions)
    )


def _cards(rows: Sequence[Row[Any]], project_key: str, *, counted: bool) -> CardList:
    if not counted:
        return CardList([row[1:] for row in rows], [row[0] for row in rows], project_key)
    orders = []
    column_id, place = "", 0
    for row in rows:
        column_id, place = row[_COLUMN], place + 1 if row[_COLUMN] == column_id else 0
        orders.append(place)
    return CardList(rows, orders, project_key)
