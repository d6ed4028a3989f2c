"""Ordering of cards in columns: the only module that computes orders, finds positions and makes room.

Callers that add, move or remove cards lock the column first (``locks.lock_columns``). The row of a large column has a
position index, so that the order of a card is found without counting all cards before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    select,
    tuple_,
    update,
)

from stellary.contract.errors import Conflict
from stellary.contract.wire import UNSET, Unset
from stellary.core.board.order.deleted_cards import move_deleted_cards
from stellary.core.board.order.neighbours import (
    DOWNWARDS,
    END_OF_COLUMN,
    END_OF_OTHERS,
    FROM_INDEX,
    FROM_LOW,
    LOWEST,
    NEIGHBOURS,
    OTHERS,
    STANDING,
    UPWARDS,
    Neighbours,
    page_at_index,
    read_end,
)
from stellary.core.board.row_types import AnchorRow, CardOrderRow, ColumnRow, PositionRow
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.cards import (
    AdjacentPosition,
    IndexPosition,
    LockedColumn,
    TargetPosition,
)
from stellary.core.board.rules.position_index import LARGE, STRETCH, PositionIndex
from stellary.core.board.rules.positions import GAP, ColumnOrder, assign_positions, spread
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import queue_statement
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

REACH = 32
"""The number of cards on each side that are read at first to make room."""


# ---------------------------------------------------------------------------------------------- columns for other statements

_other = cards.alias("other")


def _count_preceding(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """Return the subquery that counts the cards before the one that a statement selects."""
    return (
        select(func.count())
        .select_from(_other)
        .where(
            _other.c.column_id == cards.c.column_id,
            _other.c.archived == false(),
            tuple_(_other.c.position, _other.c.id) < tuple_(cards.c.position, cards.c.id),
            *conditions,
        )
        .scalar_subquery()
    )


_directory = select(columns.c.directory).where(columns.c.id == cards.c.column_id).scalar_subquery()
ORDER = (
    case((_directory.is_(None), _count_preceding()), else_=None).label("place"),
    _directory.label("directory"),
    cards.c.position,
)
"""The columns of a statement that ``load_order`` reads."""

CARD_COUNT: ColumnElement[int | None] = case(
    (
        columns.c.directory.is_(None),
        select(func.count())
        .select_from(cards)
        .where(cards.c.column_id == columns.c.id, cards.c.archived == false())
        .scalar_subquery(),
    ),
    else_=None,
).label("card_count")
"""The column of a statement that ``read_card_count`` reads, together with ``directory``."""


def load_order(uow: UnitOfWork, row: CardOrderRow) -> int:
    """Return the order of a card whose statement selects ``ORDER``. For an archived card, the result has no meaning.

    Args:
        row: The row of the card.
    """
    position_index = PositionIndex.parse(row.directory)
    if position_index is None or row.archived:
        return row.place or 0
    ignored = {"_column_id": row.column_id, "_card_id": row.id}
    return _PositionSearch(uow, ignored, position_index).count_before(row.position, row.id)


def read_card_count(row: ColumnRow) -> int:
    """Return the number of unarchived cards in a column, from a row that contains ``CARD_COUNT``."""
    position_index = PositionIndex.parse(row.directory)
    return row.card_count or 0 if position_index is None else position_index.total


@attrs.frozen
class InsertionPoint:
    """The position at which a card is inserted, and the order that it gets there."""

    position: int
    order: int
    position_index: PositionIndex | None = None
    """The index of the column before the card is inserted."""


# ---------------------------------------------------------------------------------------------- insertion points

_POINT = tuple_(cards.c.position, cards.c.id)
_HERE = tuple_(bindparam("_position", type_=BigInteger), bindparam("_id", type_=cards.c.id.type))
_COUNT_OTHERS = select(func.count()).where(OTHERS)
_ENDS: Select[Any] = (
    select(cards.c.column_id, func.count(), func.max(cards.c.position))
    .where(is_among(cards.c.column_id, "ids"), cards.c.archived == false())
    .group_by(cards.c.column_id)
)
_AFTER = Query(PositionRow, NEIGHBOURS.where(_POINT > _HERE).order_by(*UPWARDS))
_BEFORE = Query(PositionRow, NEIGHBOURS.where(_POINT < _HERE).order_by(*DOWNWARDS))
_COUNT_FROM = select(func.count()).where(OTHERS, FROM_LOW, _POINT < _HERE)
_ANCHOR = Query(
    AnchorRow,
    select(
        cards.c.position,
        cards.c.id,
        and_(is_given(cards.c.column_id), cards.c.archived == false()).label("is_in_column"),
        case(
            (
                bindparam("_counts", type_=Integer) == 1,
                _count_preceding(_other.c.id != bindparam("_card_id")),
            ),
            else_=None,
        ).label("place"),
    ).where(is_given(cards.c.id, "anchor_id"), is_given(cards.c.project_id)),
)
_LINES: Select[Any] = (
    select(cards.c.column_id, cards.c.id, cards.c.position)
    .where(is_given(cards.c.project_id), is_among(cards.c.column_id, "ids"), cards.c.archived == false())
    .order_by(cards.c.column_id, *UPWARDS)
)
_THERE = select(cards.c.id).where(is_given(cards.c.project_id), is_among(cards.c.id))
_HAS_CARDS = select(cards.c.id).where(is_given(cards.c.column_id)).limit(1)
_numbered = (
    select(
        cards.c.position,
        (func.row_number().over(order_by=(cards.c.position, cards.c.id)) - 1).label("place"),
    )
    .where(STANDING)
    .subquery()
)
_STARTS: Select[Any] = (
    select(_numbered.c.position).where(_numbered.c.place % STRETCH == 0).order_by(_numbered.c.place)
)
_COUNT = select(func.count()).where(STANDING)
_WRITE_DIRECTORY = update(columns).where(is_given(columns.c.id))


def count_others(uow: UnitOfWork, column_id: str, card_id: str) -> int:
    """Return the number of unarchived cards in a column, except for one card.

    Args:
        column_id: The column.
        card_id: The card that is not counted.
    """
    parameters = {"_column_id": column_id, "_card_id": card_id}
    count: int = uow.connection.execute(_COUNT_OTHERS, parameters).scalar_one()
    return count


def queue_column_end(
    uow: UnitOfWork, project_id: str, column_id: str
) -> Callable[[LockedColumn], InsertionPoint]:
    """Read the end of a column in the same round trip as the lock of the column, which is queued before.

    Args:
        project_id: The project of the column.
        column_id: The column.

    Returns:
        A function that returns the insertion point at the end of the locked column.
    """
    rows = END_OF_COLUMN.queue(uow.connection, {"_project_id": project_id, "_column_id": column_id})
    return lambda column: InsertionPoint(
        *read_end(rows.first(), column.position_index), column.position_index
    )


def find_column_ends(uow: UnitOfWork, column_ids: Collection[str]) -> dict[str, InsertionPoint]:
    """Return the insertion points at the ends of locked columns, by column id.

    Args:
        column_ids: The columns.
    """
    rows = uow.connection.execute(_ENDS, {"_ids": list(column_ids)})
    ends = {column_id: InsertionPoint(last + GAP, count) for column_id, count, last in rows}
    return {column_id: ends.get(column_id, InsertionPoint(0, 0)) for column_id in column_ids}


def load_column_orders(
    uow: UnitOfWork, project_id: str, column_ids: Collection[str]
) -> dict[str, ColumnOrder]:
    """Load the order of the unarchived cards of columns, by column id.

    Args:
        project_id: The project of the columns.
        column_ids: The columns.
    """
    rows = uow.connection.execute(_LINES, {"_project_id": project_id, "_ids": list(column_ids)})
    cards_by_column: dict[str, list[tuple[str, int]]] = {column_id: [] for column_id in column_ids}
    for column_id, id, position in rows:
        cards_by_column[column_id].append((id, position))
    return {column_id: ColumnOrder(column_cards) for column_id, column_cards in cards_by_column.items()}


def find_card_ids(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> set[str]:
    """Return the ids that belong to cards of a project.

    Args:
        project_id: The project.
        ids: The ids to look up.
    """
    if not ids:
        return set()
    rows = uow.connection.execute(_THERE, {"_project_id": project_id, "_ids": list(ids)})
    return set(rows.scalars())


def check_anchors(uow: UnitOfWork, project_id: str, anchors: Iterable[tuple[str, str | Unset]]) -> list[str]:
    """Check that a project has the cards next to which requests put others; return their ids.

    Args:
        project_id: The project.
        anchors: The ids of the cards, if they are given, with the fields that name them.

    Raises:
        Invalid: There is no such card.
    """
    ids = {field: id for field, id in anchors if id is not UNSET}
    existing_ids = find_card_ids(uow, project_id, set(ids.values()))
    for field, id in ids.items():
        if id not in existing_ids:
            raise unknown(field)
    return list(ids.values())


def has_cards(uow: UnitOfWork, column_id: str) -> bool:
    """Return whether a column has cards, including archived ones.

    Args:
        column_id: The column.
    """
    return uow.connection.execute(_HAS_CARDS, {"_column_id": column_id}).first() is not None


def find_insertion_point(
    uow: UnitOfWork,
    column: LockedColumn,
    target: TargetPosition,
    project_id: str,
    card_id: str = "",
    position: int | None = None,
    neighbours: Neighbours | None = None,
) -> InsertionPoint:
    """Find the insertion point for a card in a locked column, ignoring the current position of the card.

    Args:
        column: The column.
        target: The requested position.
        project_id: The project of the column and the card.
        card_id: The card, if it exists already.
        position: The current position of the card, if it is in that column.
        neighbours: The result of ``queue_neighbours`` for the card, if it was called. Those of another position are
            ignored.

    Raises:
        Invalid: The card in ``before`` or ``after`` does not exist.
        Conflict: That card is in another column, or archived.
    """
    position_index = column.position_index
    if position_index is not None and position is not None:
        position_index = position_index.with_count(position, -1)
    if neighbours is not None and (neighbours.column_id, neighbours.target) != (column.id, target):
        neighbours = None
    ignored = {"_column_id": column.id, "_card_id": card_id}
    search = _PositionSearch(uow, ignored, position_index, project_id, neighbours)
    return InsertionPoint(*search.find_position(target), search.position_index)


def find_former_position(
    uow: UnitOfWork, column: LockedColumn, project_id: str, card_id: str, position: int
) -> InsertionPoint:
    """Return the insertion point at the former position of a deleted card, or right beside it if it is taken.

    Args:
        column: The locked column.
        project_id: The project of the column.
        card_id: The card.
        position: The position, as the trash has it.
    """
    ignored = {"_column_id": column.id, "_card_id": card_id}
    search = _PositionSearch(uow, ignored, column.position_index, project_id)
    return InsertionPoint(*search.find_former(position, card_id), search.position_index)


@attrs.define
class _PositionSearch:
    """The search for a position among the other cards of a column.

    Attributes:
        uow: The unit of work.
        ignored: The SQL parameters for the column and for the card to ignore.
        position_index: The index of the column; None if it has none. It is replaced when room is made.
        project_id: The project of the column, unless only the order of a card is computed. Default: none.
        neighbours: The cards beside the position, if they have been read. Default: none.
    """

    uow: UnitOfWork
    ignored: Mapping[str, str]
    position_index: PositionIndex | None
    project_id: str = ""
    neighbours: Neighbours | None = None

    def find_position(self, target: TargetPosition) -> tuple[int, int]:
        if isinstance(target, AdjacentPosition):
            return self.find_adjacent(target)
        return self.find_at_index(target.index) if isinstance(target, IndexPosition) else self.find_last()

    def find_last(self) -> tuple[int, int]:
        rows = None if self.neighbours is None else self.neighbours.end
        parameters = {**self.ignored, "_project_id": self.project_id}
        row = END_OF_OTHERS.first(self.uow.connection, parameters) if rows is None else rows.first()
        return read_end(row, self.position_index)

    def find_at_index(self, index: int) -> tuple[int, int]:
        queued = None if self.neighbours is None else self.neighbours.cards
        if queued is None:
            page = page_at_index(index, self.position_index)
            parameters = {**self.ignored, "_project_id": self.project_id, **page}
            rows = FROM_INDEX.all(self.uow.connection, parameters)
        else:
            rows = queued.all()
        if index == 0:
            return self._find_position_between(None, rows[0] if rows else None), 0
        return (self._find_position_between(*rows), index) if len(rows) == 2 else self.find_last()

    def find_adjacent(self, target: AdjacentPosition) -> tuple[int, int]:
        parameters = {
            "_anchor_id": target.card_id,
            "_project_id": self.project_id,
            "_counts": self.position_index is None,
        }
        anchor = _ANCHOR.first(self.uow.connection, {**self.ignored, **parameters})
        if anchor is None:
            raise unknown(target.field)
        if not anchor.is_in_column:
            raise Conflict(f"{target.field} is not in that column", code="not_in_column")
        order = anchor.place
        if order is None:
            order = self.count_before(anchor.position, anchor.id)
        point = {**self.ignored, "_position": anchor.position, "_id": anchor.id, "_limit": 1}
        if target.after:
            return self._find_position_between(anchor, _AFTER.first(self.uow.connection, point)), order + 1
        return self._find_position_between(_BEFORE.first(self.uow.connection, point), anchor), order

    def find_former(self, position: int, card_id: str) -> tuple[int, int]:
        order = self.count_before(position, card_id)
        point = {**self.ignored, "_position": position, "_id": card_id, "_limit": 1}
        left = _BEFORE.first(self.uow.connection, point)
        right = _AFTER.first(self.uow.connection, point)
        is_free = all(row is None or row.position != position for row in (left, right))
        return (position if is_free else self._find_position_between(left, right)), order

    def count_before(self, position: int, id: str) -> int:
        """Return the number of other cards before a position."""
        low, before = (None, 0)
        if self.position_index is not None:
            low, before = self.position_index.locate_position(position)
        point = {"_position": position, "_id": id, "_low": LOWEST if low is None else low}
        return before + self.uow.connection.execute(_COUNT_FROM, {**self.ignored, **point}).scalar_one()

    def _find_position_between(self, left: PositionRow | None, right: PositionRow | None) -> int:
        """Return a position between two neighbours, making room if necessary; None stands for an end of the column."""
        positions = spread(
            None if left is None else left.position, 1, None if right is None else right.position
        )
        if positions is not None:
            return positions[0]
        assert left is not None
        return self._make_room(left)

    def _make_room(self, left: PositionRow) -> int:
        """Respread as few cards as possible around a card, and return the free position right after it."""
        reach = REACH
        while True:
            point = {**self.ignored, "_position": left.position, "_id": left.id, "_limit": reach}
            preceding = _BEFORE.all(self.uow.connection, point)
            following = _AFTER.all(self.uow.connection, point)
            rows = [*reversed(preceding), left, *following]
            index = len(preceding) + 1
            current: list[int | None] = [row.position for row in rows]
            current.insert(index, None)
            positions = assign_positions(
                current, opens_left=len(preceding) < reach, opens_right=len(following) < reach
            )
            if positions is not None:
                position = positions.pop(index)
                moves = [(row.id, row.position, new) for row, new in zip(rows, positions, strict=True)]
                _spread_cards(self.uow, self.project_id, self.ignored["_column_id"], moves)
                if self.position_index is not None:
                    self.position_index = self.position_index.with_moves([move[1:] for move in moves])
                return position
            reach *= 4


def write_positions(uow: UnitOfWork, positions: Mapping[str, int]) -> None:
    """Write new positions of cards, by id.

    Args:
        positions: The positions, by the id of the card.
    """
    if positions:
        rows = [{"_id": id, "position": position} for id, position in positions.items()]
        uow.connection.execute(card_rows.UPDATE, rows)


def _spread_cards(
    uow: UnitOfWork, project_id: str, column_id: str, moves: Sequence[tuple[str, int, int]]
) -> None:
    """Write new positions of adjacent cards that keep their order: their ids, with the positions before and after."""
    write_positions(uow, {id: new for id, old, new in moves if old != new})
    move_deleted_cards(uow, project_id, column_id, moves)


def separate_positions(uow: UnitOfWork, project_id: str, column_ids: Collection[str]) -> None:
    """Write new positions for all cards of those columns in which two cards have the same.

    Args:
        project_id: The project of the columns.
        column_ids: The locked columns.
    """
    for column_id, column_order in load_column_orders(uow, project_id, column_ids).items():
        _spread_cards(uow, project_id, column_id, column_order.separate())


# ---------------------------------------------------------------------------------------------- position indexes


def index_removal(uow: UnitOfWork, column: LockedColumn, position: int) -> None:
    """Update the position index of a locked column after a card was removed.

    Args:
        column: The column.
        position: The position that the card had.
    """
    if column.position_index is not None:
        position_index = column.position_index.with_count(position, -1)
        _write_index(uow, column.id, position_index if position_index.is_fit else None)


def index_insertion(uow: UnitOfWork, column: LockedColumn, point: InsertionPoint) -> None:
    """Update the position index of a locked column after a card was inserted.

    Args:
        column: The column.
        point: The insertion point of the card.
    """
    if point.position_index is None:
        if point.order >= LARGE:
            rebuild_index(uow, column.id)
        return
    position_index = point.position_index.with_count(point.position, 1)
    if position_index.is_fit:
        _write_index(uow, column.id, position_index)
    else:
        rebuild_index(uow, column.id)


def index_changes(uow: UnitOfWork, column: LockedColumn, count: int) -> None:
    """Update the position index of a locked column after many changes.

    Args:
        column: The column.
        count: The number of its unarchived cards.
    """
    if column.position_index is not None or count > LARGE:
        rebuild_index(uow, column.id)


def rebuild_index(uow: UnitOfWork, column_id: str) -> None:
    """Rebuild the position index of a locked column from its cards.

    Args:
        column_id: The column.
    """
    total = uow.connection.execute(_COUNT, {"_column_id": column_id}).scalar_one()
    if total <= STRETCH:
        _write_index(uow, column_id, None)
        return
    starts = uow.connection.execute(_STARTS, {"_column_id": column_id}).scalars().fetchall()
    _write_index(uow, column_id, PositionIndex.build(starts, total))


def _write_index(uow: UnitOfWork, column_id: str, position_index: PositionIndex | None) -> None:
    queue_statement(
        uow.connection,
        _WRITE_DIRECTORY,
        {"_id": column_id, "directory": None if position_index is None else position_index.text},
    )
