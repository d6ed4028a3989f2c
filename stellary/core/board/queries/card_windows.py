"""Pages of the cards of several projects, and sorted pages, whose conditions are built for each request.

A page looks through at most ``SCAN_MAX`` cards of an index. If the filters select at most so many by any index, it reads all of
these; otherwise it reads an index in the order of the list, which cannot be sorted then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import attrs
from sqlalchemy import ColumnElement, Select, TextClause, and_, func, literal, select, true, tuple_

from stellary.contract.wire import invalid
from stellary.core.board.queries.card_tests import Column, build_condition, sort_value
from stellary.core.board.rules.card_conditions import Condition, SortKey, Test
from stellary.core.board.tables import IS_DUE, cards
from stellary.core.db.base import IdType
from stellary.core.kernel.paging import (
    SCAN_MAX,
    belongs_to,
    belongs_to_any,
    build_cursor_error,
    make_cursor,
    read_cursor,
)
from stellary.core.kernel.unit import UnitOfWork

_ID = (cards.c.project_id, cards.c.id)
Place: TypeAlias = tuple[object, ...]
"""The values by which a card is sorted, and the ids of its project and of the card."""
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@attrs.frozen
class CardQuery:
    """The cards of a list.

    Attributes:
        project_ids: The statement for the ids of the projects.
        conditions: The conditions, which must all match.
        keys: The fields to sort by.
        further: Conditions that are SQL already.
    """

    project_ids: Select[str]
    conditions: Sequence[Condition]
    keys: Sequence[SortKey]
    further: Sequence[ColumnElement[bool]] = ()


@attrs.frozen
class _Index:
    """An index that has the cards of a list.

    Attributes:
        order: Its columns.
        conditions: The conditions of its entries.
        is_ordered: Whether it has them in the order of the list.
        answered: Conditions of the list that its conditions imply.
    """

    order: Sequence[Column]
    conditions: Sequence[ColumnElement[bool] | TextClause]
    is_ordered: bool = False
    answered: Sequence[Condition] = ()

    def select(self, *columns: Column) -> Select[Any]:
        """Return a statement that reads the index."""
        return select(*columns).where(*self.conditions).order_by(*self.order)


def find_card_ids(uow: UnitOfWork, query: CardQuery, cursor: str, limit: int) -> tuple[list[str], str | None]:
    """Return the ids of the cards of a page in order, and the cursor of the next page; None if it is the last.

    Args:
        query: The list.
        cursor: The cursor of the page; empty for the first one.
        limit: The maximum number of cards.

    Raises:
        Invalid: The cursor is not one of this list, or the list cannot be sorted.
    """
    after = _read_place(cursor, query.keys) if cursor else None
    in_projects = belongs_to_any(cards.c.project_id, query.project_ids.scalar_subquery())
    indexes = _list_indexes(query, in_projects)
    index, is_whole = indexes[-1], False
    if query.keys or len(indexes) > 1:
        counts = [
            select(func.count()).select_from(index.select(cards.c.id).limit(SCAN_MAX + 1).subquery())
            for index in indexes
        ]
        row = uow.connection.execute(select(*(count.scalar_subquery() for count in counts))).one()
        small = [index for index, count in zip(indexes, row, strict=True) if count <= SCAN_MAX]
        if query.keys and not small:
            hint = "such as assigneeId, projectId, or dueBefore with archived=false and status"
            raise invalid(("sort", f"needs filters that select at most {SCAN_MAX} cards, {hint}"))
        is_whole = bool(small)
        index = small[0] if small else next(index for index in indexes if index.is_ordered)
    tests = [build_condition(part) for part in query.conditions if part not in index.answered]
    matches = and_(true(), *tests, *query.further).label("matches")
    statement = index.select(matches, *(sort_value(key) for key in query.keys), *_ID)
    scanned = SCAN_MAX if is_whole or tests or query.further else limit
    if not is_whole and after is not None:
        statement = statement.where(tuple_(*_ID) > tuple_(*(literal(id, IdType) for id in after[-2:])))
    rows = uow.connection.execute(statement.limit(scanned + 1)).fetchall()
    places = [(_read_values(row[1:]), bool(row.matches)) for row in rows]
    matching = [place for place, is_match in places[: None if is_whole else scanned] if is_match]
    if is_whole:
        matching.sort(key=lambda place: _to_sort_key(place, query.keys))
        if after is not None:
            beginning = _to_sort_key(after, query.keys)
            matching = [place for place in matching if _to_sort_key(place, query.keys) > beginning]
    if len(matching) > limit:
        last = matching[limit - 1]
    elif not is_whole and len(rows) > scanned:
        last = places[scanned - 1][0]
    else:
        last = None
    return [str(place[-1]) for place in matching[:limit]], None if last is None else _make_cursor(last)


def _list_indexes(query: CardQuery, in_projects: ColumnElement[bool]) -> list[_Index]:
    """Return the indexes that have the cards of a list, those that usually select the fewest first."""
    tests = [test for test in query.conditions if isinstance(test, Test) and not test.negated]
    ranges = {
        field: [build_condition(test) for test in tests if test.field == field and not test.values]
        for field in ("due", "updated")
    }
    project_id, assignee_id, due_date = cards.c.project_id, cards.c.assignee_id, cards.c.due_date
    assigned = [test for test in tests if test.field == "assignee" and len(test.values) == 1]
    assigned = [test for test in assigned if isinstance(test.values[0], str)]
    is_assigned = [belongs_to(assignee_id, literal(test.values[0], IdType)) for test in assigned]
    indexes: list[_Index] = []
    if ranges["due"] and _are_open(query.conditions):
        if is_assigned:
            order = [assignee_id, due_date]
            indexes.append(_Index(order, [*is_assigned, in_projects, IS_DUE, *ranges["due"]]))
        indexes.append(_Index([project_id, due_date], [in_projects, IS_DUE, *ranges["due"]]))
    if is_assigned:
        order = [assignee_id, *_ID]
        indexes.append(_Index(order, [*is_assigned, in_projects], is_ordered=True, answered=assigned))
    for field, column in (("due", due_date), ("updated", cards.c.updated_at)):
        if ranges[field]:
            indexes.append(_Index([project_id, column], [in_projects, *ranges[field]]))
    return [*indexes, _Index(_ID, [in_projects], is_ordered=True)]


def _are_open(conditions: Sequence[Condition]) -> bool:
    """Return whether only unarchived cards that are not done match."""
    tests = [test for test in conditions if isinstance(test, Test)]
    unarchived = any(test.field == "archived" and ("true" in test.values) == test.negated for test in tests)
    return unarchived and any(
        test.field == "status" and ("done" in test.values) == test.negated for test in tests
    )


def _read_values(row: Sequence[object]) -> Place:
    """Return the values by which a card is sorted as numbers, and its ids."""
    return tuple(
        (value - _BEGINNING) // timedelta(microseconds=1) if isinstance(value, datetime) else value
        for value in row
    )


def _to_sort_key(place: Place, keys: Sequence[SortKey]) -> tuple[object, ...]:
    """Return what places are compared by: cards without a value come last."""
    values = [
        (value is None, (-value if key.descending else value) if isinstance(value, int) else 0)
        for value, key in zip(place, keys, strict=False)
    ]
    return (*values, *place[-2:])


def _make_cursor(place: Place) -> str:
    return make_cursor("_".join("n" if value is None else str(value) for value in place))


def _read_place(cursor: str, keys: Sequence[SortKey]) -> Place:
    place = read_cursor(cursor)
    if not re.fullmatch(r"(?:(?:n|[0-9]{1,20})_)" + f"{{{len(keys)}}}[0-9a-g]{{24}}_[0-9a-g]{{24}}", place):
        raise build_cursor_error()
    *values, project_id, id = place.split("_")
    return (*(None if value == "n" else int(value) for value in values), project_id, id)
