"""The parts of the index that a search looks through, one after the other.

A window has at most ``SCAN_MAX`` items of the workspace, and as many of its organization, so that a search costs the same in a
large workspace. The windows of a prefix come first, then those of all items, without the items that have the prefix.

Items without the prefixes of their current texts are part of the windows of each prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    TextClause,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from stellary.contract.wire import invalid
from stellary.core.db.base import IdType
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.paging import belongs_to, belongs_to_any, make_cursor, read_cursor
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.search.prefixes import Prefix, number_prefix
from stellary.core.search.tables import IS_FRESH, IS_FRESH_IN_ORGANIZATION, entries, prefixes

Condition: TypeAlias = ColumnElement[bool] | TextClause

SCAN_MAX = 1_000
"""The maximum number of items of the workspace, and of its organization, that a page looks through."""
ALL: Final = 0
"""The number of the index that has all items. The prefixes of the query are numbered from 1."""
FRESH: Final = -1
"""The number of the index of the items without the prefixes of their current texts."""
BEFORE_ALL = (999_999, "")
"""The rank and the id before those of all hits."""
FIRST_ID, _AFTER_ALL_IDS = "0" * 24, "g" * 24
_CURSOR = re.compile(
    r"([0-9]{2})_([0-9]{2})_([0-9a-f]{24}|g{24})(?:_([0-9a-f]{24})_([0-9]{6})_([0-9a-f]{24}))?"
)


@attrs.frozen
class SearchWindow:
    """A part of an index, and the position of a page in it.

    Attributes:
        index: The number of the prefix whose items are in it, or ``ALL``.
        excluded: The number of the prefix whose items are left out, since earlier windows had them; 0 for none.
        before: The id before which its items were created.
        first_id: The first id of its items; empty until it is known.
        rank, id: The rank and the id of the last hit of the previous page.
    """

    index: int
    excluded: int = 0
    before: str = _AFTER_ALL_IDS
    first_id: str = ""
    rank: int = BEFORE_ALL[0]
    id: str = BEFORE_ALL[1]

    def make_cursor(self) -> str:
        """Return the cursor of the page that continues here."""
        begin = f"{self.index:02d}_{self.excluded:02d}_{self.before}"
        return make_cursor(f"{begin}_{self.first_id}_{self.rank:06d}_{self.id}" if self.id else begin)


def read_window(cursor: str, prefix_count: int) -> SearchWindow:
    """Return the window in which a page continues.

    Args:
        cursor: The cursor of the request.
        prefix_count: The number of prefixes of the query.

    Raises:
        Invalid: The cursor is not one of this search.
    """
    match = _CURSOR.fullmatch(read_cursor(cursor))
    if match is None or max(int(match[1]), int(match[2])) > prefix_count:
        raise invalid(("cursor", "must be a cursor from a response of this list"))
    window = SearchWindow(int(match[1]), int(match[2]), match[3])
    if match[4] is None:
        return window
    return attrs.evolve(window, first_id=match[4], rank=int(match[5]), id=match[6])


class _ExtentRow(RowType):
    """The extent of the newest items of an index."""

    index: int
    item_count: int
    first_id: str | None


@attrs.frozen
class Extent:
    """The extent of a window.

    Attributes:
        item_count: The number of items in it.
        first_id: The first of its ids.
        is_last: Whether there are no older items in its index.
    """

    item_count: int
    first_id: str
    is_last: bool


def number_prefixes(container_ids: Sequence[str], query_prefixes: Sequence[Prefix]) -> dict[str, int]:
    """Return the numbers of prefixes in the workspace and in the organization, as parameters.

    Args:
        container_ids: The id of the workspace, and of the organization.
        query_prefixes: The prefixes of the query.
    """
    return {
        f"_prefix_{number}_{container}": number_prefix(container_id, prefix.text)
        for container, container_id in enumerate(container_ids)
        for number, prefix in enumerate(query_prefixes, 1)
    }


def load_extents(
    uow: UnitOfWork,
    indexes: Sequence[int],
    parameters: Mapping[str, object],
    before: str,
    size: int,
) -> dict[int, Extent]:
    """Return the extents of the windows before an id, by the number of the index.

    Args:
        indexes: The numbers of the indexes.
        parameters: The parameters of the search.
        before: The id before which the items were created.
        size: The maximum number of items of the workspace, and of its organization.
    """
    query = _build_extents((*indexes,), in_project="_project_id" in parameters)
    rows = query.all(uow.connection, {**parameters, "_before": before, "_size": size})
    extents: dict[int, Extent] = {}
    for index in indexes:
        of_index = [row for row in rows if row.index == index or (index > ALL and row.index == FRESH)]
        first_ids = [row.first_id for row in of_index if row.item_count >= size and row.first_id]
        count = sum(row.item_count for row in of_index)
        extents[index] = Extent(count, max(first_ids, default=FIRST_ID), is_last=not first_ids)
    return extents


def choose_window(extents: Mapping[int, Extent], query_prefixes: Sequence[Prefix]) -> SearchWindow:
    """Return the first window of a search.

    Args:
        extents: The extents of the newest items by the number of the index.
        query_prefixes: The prefixes of the query, the longest first.
    """
    numbers = range(1, len(query_prefixes) + 1)
    if extents[ALL].is_last or not numbers or not extents[FRESH].is_last:
        return SearchWindow(ALL, first_id=extents[ALL].first_id)
    complete = [number for number in numbers if query_prefixes[number - 1].is_complete]
    # Few items have it: first of those that have all matches, and else of those that have some.
    for number in (*complete, *numbers):
        if extents[number].is_last and (extents[number].item_count or number in complete):
            return SearchWindow(number, first_id=extents[number].first_id)
    number = min(complete or numbers, key=lambda number: extents[number].first_id)
    return SearchWindow(number, first_id=extents[number].first_id)


def follow(window: SearchWindow, extent: Extent) -> SearchWindow | None:
    """Return the window after another one; None if that was the last one.

    Args:
        window: The window.
        extent: Its extent.
    """
    if not extent.is_last:
        return SearchWindow(window.index, window.excluded, before=extent.first_id)
    return None if window.index == ALL else SearchWindow(ALL, excluded=window.index)


@lru_cache(maxsize=64)
def _build_extents(indexes: tuple[int, ...], *, in_project: bool) -> Query[_ExtentRow]:
    parts = [
        select(
            literal_column(str(index), Integer).label("index"),
            func.count().label("item_count"),
            func.min(newest.c.id).label("first_id"),
        ).select_from(newest)
        for index in indexes
        for newest in _select_newest(index, in_project=in_project)
    ]
    return Query(_ExtentRow, union_all(*parts))


def _select_newest(index: int, *, in_project: bool) -> list[FromClause]:
    """Return subqueries for the ids of the newest items of an index: of the workspace, and of the organization."""
    if index > ALL:
        statements = [
            _select_before(
                prefixes.c.entry_id, prefixes.c.prefix, _has_number(f"_prefix_{index}_{container}")
            )
            for container in range(2)
        ]
    elif index == ALL and in_project:
        statements = [_select_entries_before(entries.c.project_id)]
    else:
        statements = [
            _select_entries_before(entries.c.workspace_id),
            _select_entries_before(entries.c.organization_id),
        ]
        if index == FRESH:
            conditions = (IS_FRESH, IS_FRESH_IN_ORGANIZATION)
            statements = [part.where(is_fresh) for part, is_fresh in zip(statements, conditions, strict=True)]
    size = bindparam("_size", type_=Integer)
    return [statement.limit(size).subquery() for statement in statements]


def _select_entries_before(container: ColumnElement[str]) -> Select[Any]:
    condition = belongs_to(container, bindparam(f"_{container.name}", type_=IdType))
    return _select_before(entries.c.id, container, condition)


def _select_before(
    id: ColumnElement[str], container: ColumnElement[Any], condition: ColumnElement[bool]
) -> Select[Any]:
    return (
        select(id.label("id"))
        .where(condition, id < bindparam("_before", type_=IdType))
        .order_by(container.desc(), id.desc())
    )


def _has_number(name: str) -> ColumnElement[bool]:
    # PostgreSQL takes a parameter in an array for a text.
    return belongs_to(prefixes.c.prefix, cast(bindparam(name, type_=BigInteger), BigInteger))


def build_conditions(has_prefix: bool, container: int) -> list[list[Condition]]:
    """Return the conditions for the entries of a window, a list for each index that is read.

    Args:
        has_prefix: Whether the window is one of a prefix; otherwise of all items.
        container: 0 for the items of the workspace, 1 for those of the organization.
    """
    first_id, before = bindparam("_first_id", type_=IdType), bindparam("_before", type_=IdType)
    in_window: list[Condition] = [entries.c.id >= first_id, entries.c.id < before]
    if not has_prefix:
        return [in_window]
    ids = (
        select(prefixes.c.entry_id)
        .where(
            _has_number(f"_prefix_{container}"), prefixes.c.entry_id >= first_id, prefixes.c.entry_id < before
        )
        .order_by(prefixes.c.prefix, prefixes.c.entry_id)
        .correlate(None)
    )
    has_prefix_text = matches("_prefix_pattern")
    is_fresh = IS_FRESH_IN_ORGANIZATION if container else IS_FRESH
    return [
        [belongs_to_any(entries.c.id, ids.scalar_subquery()), entries.c.is_indexed, has_prefix_text],
        [is_fresh, *in_window, has_prefix_text],
    ]


def matches(name: str) -> ColumnElement[bool]:
    """Build the condition of the entries whose title or body has a pattern.

    Args:
        name: The parameter with the pattern.
    """
    pattern = bindparam(name, type_=Text)
    return or_(entries.c.title.like(pattern), entries.c.body.like(pattern))
