"""The orders of the cards in a list, counted from one listed card to the next with the position index of the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    FromClause,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.board.tables import cards, columns
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.unit import UnitOfWork

_BATCH = 1_000
_LOWEST = -(2**63)


class ListedPosition(NamedTuple):
    """The position of an unarchived card."""

    column_id: str
    position: int
    id: str


_DIRECTORIES = select(columns.c.id, columns.c.directory).where(
    is_given(columns.c.project_id), columns.c.directory.is_not(None)
)
_DIRECTORIES_OF_COLUMNS = select(columns.c.id, columns.c.directory).where(
    is_among(columns.c.id, "column_ids"), columns.c.directory.is_not(None)
)
_RANGES = bindparam("_ranges", type_=Text)
_FIELDS: Mapping[str, TypeEngine[int] | TypeEngine[str]] = {
    "number": Integer(),
    "column_id": String(),
    "low": BigInteger(),
    "low_id": String(),
    "high": BigInteger(),
    "high_id": String(),
}


def _read_ranges_on_sqlite() -> FromClause:
    ranges = func.json_each(_RANGES).table_valued("value")
    fields = [
        ranges.c.value.op("->>")(literal_column(str(index))).label(name) for index, name in enumerate(_FIELDS)
    ]
    # Materialized, since the JSON would be read again for each card that is counted.
    return select(*fields).cte("ranges").prefix_with("MATERIALIZED", dialect="sqlite")


def _read_ranges_on_postgresql() -> FromClause:
    ranges = func.json_array_elements(cast(_RANGES, JSON)).table_valued("value")
    fields = [
        cast(ranges.c.value.op("->>")(literal_column(str(index))), type).label(name)
        for index, (name, type) in enumerate(_FIELDS.items())
    ]
    return select(*fields).subquery("ranges")


def _count_in(ranges: FromClause) -> Select[Any]:
    count = (
        select(func.count())
        .select_from(cards)
        .where(
            cards.c.column_id == ranges.c.column_id,
            cards.c.archived == false(),
            tuple_(cards.c.position, cards.c.id) >= tuple_(ranges.c.low, ranges.c.low_id),
            tuple_(cards.c.position, cards.c.id) < tuple_(ranges.c.high, ranges.c.high_id),
        )
        .scalar_subquery()
    )
    return select(ranges.c.number, count)


_COUNTS_ON_SQLITE = _count_in(_read_ranges_on_sqlite())
_COUNTS_ON_POSTGRESQL = _count_in(_read_ranges_on_postgresql())


def load_orders(
    uow: UnitOfWork, project_id: str | None, positions: Sequence[ListedPosition]
) -> dict[str, int]:
    """Return the orders of unarchived cards of a project by card id, in one snapshot.

    The cost grows with the number of the cards, and not with the number of cards in their columns.

    Args:
        project_id: The project; None for cards of several projects.
        positions: The positions of the cards.
    """
    if not positions:
        return {}
    if project_id is None:
        column_ids = {position.column_id for position in positions}
        rows = uow.connection.execute(_DIRECTORIES_OF_COLUMNS, {"_column_ids": sorted(column_ids)}).fetchall()
    else:
        rows = uow.connection.execute(_DIRECTORIES, {"_project_id": project_id}).fetchall()
    directories: dict[str, str] = dict(rows)
    indexes: dict[str, PositionIndex | None] = {}
    starts: list[int | None] = []
    ranges = []
    last = ListedPosition("", 0, "")
    last_low = None
    listed = sorted(positions)
    for position in listed:
        if position.column_id not in indexes:
            indexes[position.column_id] = PositionIndex.parse(directories.get(position.column_id))
        index = indexes[position.column_id]
        low, before = (None, 0) if index is None else index.locate_position(position.position)
        if position.column_id == last.column_id and low == last_low:
            starts.append(None)
            lower = (last.position, last.id)
        else:
            starts.append(before)
            lower = (_LOWEST if low is None else low, "")
        ranges.append((position.column_id, *lower, position.position, position.id))
        last, last_low = position, low
    counts = _count_cards(uow, ranges)
    orders: dict[str, int] = {}
    order = 0
    for position, start, count in zip(listed, starts, counts, strict=True):
        order = (order if start is None else start) + count
        orders[position.id] = order
    return orders


def _count_cards(uow: UnitOfWork, ranges: Sequence[tuple[str, int, str, int, str]]) -> list[int]:
    statement = _COUNTS_ON_POSTGRESQL if uses_row_locks(uow) else _COUNTS_ON_SQLITE
    counts = [0] * len(ranges)
    for first in range(0, len(ranges), _BATCH):
        batch = [(number, *values) for number, values in enumerate(ranges[first : first + _BATCH], first)]
        rows = uow.connection.execute(statement, {"_ranges": orjson.dumps(batch).decode()})
        for number, count in rows:
            counts[number] = count
    return counts
