"""Lists of the cards of a project: whole lists in board order, pages in order of creation."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, literal, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from stellary.contract.cards import LIST_CARDS, Card, ListCards
from stellary.contract.custom_fields import CustomField
from stellary.contract.refs import ProjectRef
from stellary.contract.wire import UNSET, Listing
from stellary.core.board import access
from stellary.core.board.card_terms import TERM_VALUE_MAX
from stellary.core.board.finding import FilterNames, find_saved, load_page, select_fields, with_orders
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.queries import card_pages, searching
from stellary.core.board.queries.card_filters import CONDITIONS, NAMES, label_pattern
from stellary.core.board.queries.card_lists import CardList, ListStatements, load_cards
from stellary.core.board.queries.card_tests import build_condition, sort_parts
from stellary.core.board.queries.card_windows import CardQuery
from stellary.core.board.queries.remembered_lists import QueuedList, load_whole_columns, queue_list
from stellary.core.board.row_types import ProjectRow
from stellary.core.board.rows.field_rows import queue_fields
from stellary.core.board.rules.card_conditions import DATES, read_fields, read_parameters
from stellary.core.board.rules.custom_fields import parse_filter
from stellary.core.board.tables import cards, columns, projects, scopes
from stellary.core.db.direct_connection import require_snapshot
from stellary.core.kernel.paging import read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves

PAGE = 100
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


FieldValue = tuple[CustomField, object]

_text = type_coerce(cards.c.custom_fields, Text)
_json = cast(_text, JSONB)


def read_values(uow: UnitOfWork, project_id: str, filters: Sequence[str]) -> list[FieldValue]:
    """Return the fields and values of filters; the value None is for cards without one.

    Args:
        project_id: The project of the cards and the fields.
        filters: The filters, each as ``<fieldId>:<value>``.

    Raises:
        Invalid: A field does not exist, or a value does not match its type.
    """
    fields = queue_fields(uow, project_id, {text.partition(":")[0] for text in filters})()
    return [parse_filter(fields, text, f"customField[{index}]") for index, text in enumerate(filters)]


def build_conditions(uow: UnitOfWork, field_values: Sequence[FieldValue]) -> list[ColumnElement[bool]]:
    """Return the SQL conditions for cards that have all values.

    Args:
        field_values: The fields and their values.
    """
    condition = _in_jsonb if uses_row_locks(uow) else _in_text
    return [condition(field, value) for field, value in field_values]


def find_term(field_values: Sequence[FieldValue]) -> str | None:
    """Return a term that all cards with the values have; None if the values are numbers, or none.

    Args:
        field_values: The fields and their values.
    """
    for field, value in field_values:
        element = value[0] if isinstance(value, list) else value
        if isinstance(element, bool):
            return f"{field.id}:{str(element).lower()}"
        if isinstance(element, str):
            return f"{field.id}:{element[:TERM_VALUE_MAX]}"
    return None


def _in_jsonb(field: CustomField, value: object) -> ColumnElement[bool]:
    if value is None:
        return _json[field.id].is_(None)
    # The operator compares lists as sets: a list contains each of its subsets.
    part = orjson.dumps({field.id: value}).decode()
    return _json.contains(cast(literal(part, Text), JSONB))


def _in_text(field: CustomField, value: object) -> ColumnElement[bool]:
    path = literal(f"$.{orjson.dumps(field.id).decode()}", Text)
    if value is None:
        return func.json_type(_text, path).is_(None)
    # One row for a single value, and one for each element of a list.
    elements = func.json_each(_text, path).table_valued("value")
    element = value[0] if isinstance(value, list) else value
    return select(elements.c.value).where(elements.c.value == bindparam(None, element)).exists()


def in_board_order(statement: Select[str], *parts: ColumnElement[object]) -> Select[str]:
    """Return a statement of cards by column and position, archived cards last.

    Args:
        statement: The statement.
        *parts: The expressions to order by first.
    """
    return statement.join(columns).join(scopes).order_by(*parts, *_BOARD_ORDER)


@serves(LIST_CARDS, snapshot=False)
def list_cards(uow: UnitOfWork, ref: ProjectRef, request: ListCards) -> Listing[Card]:
    """Return the cards that match all filters."""
    return find_matching(uow, ref, request)


def find_matching(
    uow: UnitOfWork, ref: ProjectRef, request: ListCards, *, in_order_of_creation: bool = False
) -> Listing[Card]:
    """Return the cards of a project that match all filters.

    Args:
        ref: The project.
        request: The filters and the page.
        in_order_of_creation: Whether to ignore the order of a saved filter.
    """
    is_plain = _has_plain_filters(request)
    values = _find_whole_columns(request) if is_plain else None
    queued = None
    if values is None:
        require_snapshot(uow.connection)
    else:
        # Those who list the cards again wait for the database once, for their access and the list.
        queued = queue_list(uow, values, ref.project_id)
    project = access.project(uow, ref).row
    fields = read_fields(request.fields or "")
    field_values = read_values(uow, project.id, request.custom_field or ())
    value_conditions = build_conditions(uow, field_values)
    if values is not None:
        page = Listing(load_column_cards(uow, values, project.id, project.key, queued))
    elif is_plain:
        page = _list_by_filters(uow, project, request, field_values, value_conditions)
    else:
        page = _list_by_conditions(uow, project, request, value_conditions, in_order_of_creation)
    if not (is_plain and page.items):
        FilterNames(uow, _select_only(project), project.workspace_id).check_ids(request, page.items)
    return select_fields(page, fields)


def _select_only(project: ProjectRow) -> Select[str]:
    return select(projects.c.id).where(projects.c.id == project.id)


def _has_plain_filters(request: ListCards) -> bool:
    """Return whether each filter has one value, so that the statements of the list are built once."""
    if request.filter or request.sort or request.saved:
        return False
    for name, comparison in read_parameters(request).items():
        value: object = getattr(request, name)
        is_day = comparison.field in DATES and isinstance(value, str)
        is_word = value in ("me", "any") and name != "q"
        if name not in NAMES or isinstance(value, list) or is_day or is_word:
            return False
    return True


def _find_whole_columns(request: ListCards) -> dict[str, object] | None:
    """Return the values of plain filters by name if they select whole columns, and all of them are listed; None otherwise."""
    values = {name: value for name in NAMES if (value := getattr(request, name)) is not UNSET}
    is_partial = bool(request.limit or request.cursor or request.custom_field)
    return None if is_partial or None in values.values() or not values.keys() <= _WHOLE_COLUMNS else values


def _list_by_conditions(
    uow: UnitOfWork,
    project: ProjectRow,
    request: ListCards,
    value_conditions: list[ColumnElement[bool]],
    in_order_of_creation: bool,
) -> Listing[Card]:
    """Return a list whose statements are built for the request."""
    only_project = _select_only(project)
    saved = find_saved(uow, project.workspace_id, project.id, request.saved) if request.saved else None
    conditions, keys = FilterNames(uow, only_project, project.workspace_id).read_conditions(request, saved)
    if in_order_of_creation:
        keys = ()
    if request.limit or request.cursor:
        query = CardQuery(only_project, conditions, keys, value_conditions)
        return load_page(uow, query, request, request.limit or PAGE)
    built = [build_condition(condition) for condition in conditions]
    selected = select(cards.c.id).where(cards.c.project_id == _PROJECT_ID, *value_conditions, *built)
    order = (part for key in keys for part in sort_parts(key))
    statements = ListStatements(in_board_order(selected, *order))
    loaded = load_cards(uow, statements, {"_project_id": project.id}, project.key)
    return Listing(with_orders(uow, project.id, loaded))


def _list_by_filters(
    uow: UnitOfWork,
    project: ProjectRow,
    request: ListCards,
    field_values: list[FieldValue],
    value_conditions: list[ColumnElement[bool]],
) -> Listing[Card]:
    """Return a list whose statements are built once, but for the conditions of custom fields."""
    filters, absent_names = _read_filters(request)
    parameters: dict[str, object] = {"_project_id": project.id}
    if "q" in filters:
        searching.prepare(uow.connection)
        parameters["_project_key"] = project.key
    names = frozenset(filters) | absent_names
    if not request.limit and not request.cursor:
        parameters |= filters
        statements = _select_whole(names)
        if value_conditions:
            statements = statements.where(*value_conditions)
        return Listing(with_orders(uow, project.id, load_cards(uow, statements, parameters, project.key)))
    parameters |= {**filters, "_after": read_cursor(request.cursor) if request.cursor else ""}
    if isinstance(request.label_id, str):
        parameters["_label"] = request.label_id
    if (term := find_term(field_values)) is not None:
        names |= {card_pages.TERM}
        parameters["_term"] = term
    page, cursor = card_pages.fetch_page(
        uow, names, value_conditions, parameters, project.key, request.limit or PAGE
    )
    return Listing(with_orders(uow, project.id, page), cursor)


def load_column_cards(
    uow: UnitOfWork,
    values: Mapping[str, object],
    project_id: str,
    project_key: str,
    queued: QueuedList | None = None,
) -> CardList:
    """Return all cards of some columns of a project, in board order.

    Args:
        values: The filters by name: ``column_id``, ``scope_id`` and ``archived``.
        project_id: The project.
        project_key: Its key, with which the keys of cards begin.
        queued: The result of ``queue_list``. Default: none.
    """
    return load_whole_columns(uow, _select_whole(frozenset(values)), values, project_id, project_key, queued)


def _read_filters(request: ListCards) -> tuple[dict[str, object], frozenset[str]]:
    """Return the values of the filters, and the names of the filters for cards without a value."""
    values = {name: value for name in NAMES if (value := getattr(request, name)) is not UNSET}
    absent_names = frozenset(f"no {name}" for name, value in values.items() if value is None)
    filters = {name: value for name, value in values.items() if value is not None}
    if "q" in filters:
        filters["q"] = searching.pattern_of(filters["q"])
    if "label_id" in filters:
        filters["label_id"] = label_pattern(filters["label_id"])
    return filters, absent_names


@functools.lru_cache(maxsize=256)
def _select_whole(names: frozenset[str]) -> ListStatements:
    """Return the statements of a whole list, built once per combination of filters."""
    conditions = (CONDITIONS[name] for name in sorted(names))
    return ListStatements(
        in_board_order(select(cards.c.id).where(cards.c.project_id == _PROJECT_ID, *conditions))
    )
