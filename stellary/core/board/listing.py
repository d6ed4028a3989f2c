"""Lists of the cards of a project: whole lists in board order, pages in order of creation."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, select

from stellary.contract.cards import LIST_CARDS, Card, ListCards
from stellary.contract.limits import ID_PATTERN
from stellary.contract.paging import Listing
from stellary.contract.refs import ProjectRef
from stellary.core.board import access
from stellary.core.board.filter_names import FilterNames
from stellary.core.board.finding import load_page, select_fields, with_orders
from stellary.core.board.queries import card_pages, field_filters, searching
from stellary.core.board.queries.card_filters import CONDITIONS, NAMES
from stellary.core.board.queries.card_lists import (
    CardList,
    ListStatements,
    LoadedCards,
    load_cards,
    load_unless_remembered,
)
from stellary.core.board.queries.card_tests import build_condition, sort_parts
from stellary.core.board.queries.card_windows import CardQuery
from stellary.core.board.queries.field_filters import FieldValue
from stellary.core.board.queries.filters import check_in_project, check_person
from stellary.core.board.row_types import ProjectRow
from stellary.core.board.rules.card_conditions import (
    DATES,
    Condition,
    Keyword,
    SortKey,
    Test,
    list_ids,
    read_parameters,
    resolve_parameter,
)
from stellary.core.board.tables import cards, columns, projects, scopes
from stellary.core.kernel.paging import read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves

FilterValues: TypeAlias = dict[str, Any]
PAGE = 100
_WHOLE_COLUMNS = frozenset({"column_id", "scope_id", "archived"})
"""Filters that select whole columns, so that the orders of cards follow from the rows."""

_LIFTED = {
    **{field: f"{field}_id" for field in ("assignee", "label", "column", "scope")},
    "priority": "priority",
    "status": "status",
}
"""The filters whose statements are built once, by the field of a test with one value."""

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


def in_board_order(statement: Select[str]) -> Select[str]:
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
    values, conditions, keys = _read_conditions(uow, project, request)
    field_values = field_filters.read_values(uow, project.id, request.custom_field or ())
    value_conditions = field_filters.build_conditions(uow, field_values)
    if keys and (request.limit or request.cursor):
        only = select(projects.c.id).where(projects.c.id == project.id)
        query = CardQuery(only, conditions, keys, value_conditions)
        page = load_page(uow, query, request, request.limit or PAGE)
    else:
        value_conditions += [build_condition(condition, uow.user_id) for condition in conditions]
        page = _list_by_index(uow, project, request, values, field_values, value_conditions, keys)
    if not page.items:
        _check_ids(uow, project.workspace_id, project.id, request)
    return select_fields(page, request)


def _list_by_index(
    uow: UnitOfWork,
    project: ProjectRow,
    request: ListCards,
    values: FilterValues,
    field_values: list[FieldValue],
    value_conditions: list[ColumnElement[bool]],
    keys: Sequence[SortKey],
) -> Listing[Card]:
    """Return a whole list, or a page in order of creation."""
    filters, absent_names = _read_filters(values)
    parameters: dict[str, object] = {"_project_id": project.id}
    if "q" in filters:
        searching.prepare(uow)
        parameters["_project_key"] = project.key
    names = frozenset(filters) | absent_names
    if not request.limit and not request.cursor:
        parameters |= filters
        if names <= _WHOLE_COLUMNS and not value_conditions and not keys:
            return Listing(_load_whole_columns(uow, names, parameters, project.key))
        statements = _select_whole(names)
        if value_conditions:
            statements = statements.where(*value_conditions)
        if keys:
            statements = statements.sort(*(part for key in keys for part in sort_parts(key)))
        return Listing(with_orders(uow, project.id, load_cards(uow, statements, parameters, project.key)))
    parameters |= {**filters, "_after": read_cursor(request.cursor) if request.cursor else ""}
    if isinstance(values.get("label_id"), str):
        parameters["_label"] = values["label_id"]
    if (term := field_filters.find_term(field_values)) is not None:
        names |= {card_pages.TERM}
        parameters["_term"] = term
    page, cursor = card_pages.fetch_page(
        uow, names, value_conditions, parameters, project.key, request.limit or PAGE
    )
    return Listing(with_orders(uow, project.id, page), cursor)


def board_cards(uow: UnitOfWork, project_id: str, project_key: str) -> CardList:
    """Return the unarchived cards of a project in board order.

    Args:
        project_id: The project.
        project_key: Its key, with which the keys of cards begin.
    """
    parameters = {"_project_id": project_id, "archived": False}
    return _load_whole_columns(uow, frozenset({"archived"}), parameters, project_key)


def scope_cards(uow: UnitOfWork, project_id: str, project_key: str, scope_id: str) -> CardList:
    """Return the unarchived cards of a scope by column and order.

    Args:
        project_id: The project of the scope.
        project_key: Its key, with which the keys of cards begin.
        scope_id: The scope.
    """
    parameters = {"_project_id": project_id, "scope_id": scope_id, "archived": False}
    return _load_whole_columns(uow, frozenset({"scope_id", "archived"}), parameters, project_key)


def _check_ids(uow: UnitOfWork, workspace_id: str, project_id: str, request: ListCards) -> None:
    """Check the ids in the filters of a list without cards.

    Raises:
        Invalid: An id does not exist.
    """
    for name, field in (("column_id", "columnId"), ("scope_id", "scopeId"), ("label_id", "labelId")):
        for id in list_ids(request, name):
            check_in_project(uow, workspace_id, project_id, field, id)
    for id in list_ids(request, "assignee_id"):
        check_person(uow, workspace_id, "assigneeId", id)


def _read_conditions(
    uow: UnitOfWork, project: ProjectRow, request: ListCards
) -> tuple[FilterValues, list[Condition], Sequence[SortKey]]:
    """Return the filters whose statements are built once, the other conditions, and the fields to sort by.

    For a sorted page, all filters are conditions.
    """
    values: FilterValues = {}
    single, comparisons = [], []
    for name, comparison in read_parameters(request).items():
        value: object = getattr(request, name)
        if isinstance(value, list) and len(value) == 1:
            (value,) = value
        is_any = value == "any" and name in ("assignee_id", "label_id", "priority")
        if name not in NAMES or isinstance(value, list) or is_any:
            comparisons.append(comparison)
            continue
        single.append(comparison)
        if name == "assignee_id" and value == "me":
            value = uow.user_id
        is_day = comparison.field in DATES
        values[name] = resolve_parameter(value, uow.now, comparison.parameter) if is_day else value
    if not (comparisons or request.filter or request.sort):
        return values, [], ()
    only_project = select(projects.c.id).where(projects.c.id == project.id)
    names = FilterNames(uow, only_project, project.workspace_id)
    conditions, keys = names.read_filter(comparisons, request.filter or "", request.sort or "")
    if keys and (request.limit or request.cursor):
        return {}, [*conditions, *names.read_filter(single)[0]], keys
    return values, [condition for condition in conditions if not _lift(uow, condition, values)], keys


def _lift(uow: UnitOfWork, condition: Condition, values: FilterValues) -> bool:
    """Turn a condition into a filter whose statement is built once, and return whether it is one."""
    if not isinstance(condition, Test) or condition.negated:
        return False
    bounds = {"due_after": condition.lower, "due_before": condition.upper}
    lifted: FilterValues = {name: moment for name, moment in bounds.items() if moment is not None}
    if condition.field in _LIFTED and len(condition.values) == 1 and condition.values[0] is not Keyword.ANY:
        (value,) = condition.values
        lifted = {_LIFTED[condition.field]: uow.user_id if value is Keyword.ME else value}
    elif condition.field != "due" or condition.values:
        return False
    if not values.keys().isdisjoint(lifted):
        return False
    values |= lifted
    return True


def _read_filters(values: FilterValues) -> tuple[dict[str, object], frozenset[str]]:
    """Return the values of the filters, and the names of the filters for cards without a value."""
    absent_names = frozenset(f"no {name}" for name, value in values.items() if value is None)
    filters = {name: value for name, value in values.items() if value is not None}
    if "q" in filters:
        filters["q"] = searching.pattern_of(filters["q"])
    if "label_id" in filters:
        # An id has 24 hex digits, so a quoted id only matches itself. A text that is not an id matches no card.
        id = filters["label_id"]
        filters["label_id"] = f'%"{id}"%' if re.fullmatch(ID_PATTERN, id) else ""
    return filters, absent_names


@functools.lru_cache(maxsize=256)
def _select_whole(names: frozenset[str]) -> ListStatements:
    """Return the statements of a whole list, built once per combination of filters."""
    conditions = (CONDITIONS[name] for name in sorted(names))
    return ListStatements(
        in_board_order(select(cards.c.id).where(cards.c.project_id == _PROJECT_ID, *conditions))
    )


def _load_whole_columns(
    uow: UnitOfWork, names: frozenset[str], parameters: dict[str, object], project_key: str
) -> CardList:
    """Return the cards of whole columns in board order.

    Args:
        names: The names of the filters, all from ``_WHOLE_COLUMNS``.
        parameters: Their values, and the project.
        project_key: The prefix of the cards' keys.
    """
    return load_unless_remembered(
        uow,
        (names, project_key, *parameters.items()),
        lambda: _cards_of_whole_columns(load_cards(uow, _select_whole(names), parameters, project_key)),
    )


def _cards_of_whole_columns(loaded: LoadedCards) -> CardList:
    """Return cards that include all unarchived cards of each column, in order."""
    orders = []
    column_id, order = "", 0
    for card in loaded.listed:
        column_id, order = card.column_id, order + 1 if card.column_id == column_id else 0
        orders.append(order)
    return CardList(loaded.listed, orders)
