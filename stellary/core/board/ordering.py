"""Ordering: the only module that knows where cards stand. It counts places, finds positions and makes room.

Whoever changes who stands in a column holds the column first (``locks.lock_columns``). A large column has a directory
on its row, so that places in it are not counted from afar; the others are counted as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
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
from stellary.core.board.rules.cards import AdjacentPosition, IndexPosition, LockedColumn, TargetPosition
from stellary.core.board.rules.position_index import LARGE, STRETCH, PositionIndex
from stellary.core.board.rules.positions import GAP, ColumnOrder, settled, spread
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns
from stellary.core.kernel.unit import UnitOfWork

REACH = 32
"""How many cards on either side are looked at first when room has to be made."""

_LOWEST = -(2**63)

# ---------------------------------------------------------------------------------------------- what others select

_other = cards.alias("other")


def _place(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many other cards stand before the card that a statement selects."""
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
PLACE = (
    case((_directory.is_(None), _place()), else_=None).label("place"),
    _directory.label("directory"),
    cards.c.position,
)
"""What a statement selects to learn the place of its card from ``place_of``."""

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
"""What a statement selects, beside the ``directory``, to learn from ``count_of`` how many cards a column holds."""


def place_of(uow: UnitOfWork, row: Row[Any]) -> int:
    """The place of a card of which a statement has selected ``PLACE``. Of an archived one it means nothing."""
    directory = PositionIndex.read(row.directory)
    if directory is None or row.archived:
        return row.place or 0
    others = {"_column_id": row.column_id, "_card_id": row.id}
    return _Search(uow, others, directory).count_before(row.position, row.id)


def count_of(row: Row[Any]) -> int:
    """How many cards stand in a column, of which a statement has selected ``CARD_COUNT``."""
    directory = PositionIndex.read(row.directory)
    return row.card_count if directory is None else directory.total


@attrs.frozen
class InsertionPoint:
    """A place that was found: its position, and the index that it makes."""

    position: int
    order: int
    directory: PositionIndex | None = None
    """That of the column, as it is before the card stands there."""


# ---------------------------------------------------------------------------------------------- finding a spot

_STANDING = and_(cards.c.column_id == bindparam("_column_id"), cards.c.archived == false())
_OTHERS = and_(_STANDING, cards.c.id != bindparam("_card_id"))
_POINT = tuple_(cards.c.position, cards.c.id)
_HERE = tuple_(bindparam("_position", type_=BigInteger), bindparam("_id", type_=cards.c.id.type))
_UPWARDS = (cards.c.position, cards.c.id)
_DOWNWARDS = (cards.c.position.desc(), cards.c.id.desc())

_END = select(func.count(), func.max(cards.c.position)).where(_OTHERS)
_ENDS: Select[Any] = (
    select(cards.c.column_id, func.count(), func.max(cards.c.position))
    .where(cards.c.column_id.in_(bindparam("_ids", expanding=True)), cards.c.archived == false())
    .group_by(cards.c.column_id)
)
_NEIGHBOURS: Select[Any, Any] = select(cards.c.position, cards.c.id).where(_OTHERS).limit(bindparam("_limit"))
_LAST = _NEIGHBOURS.order_by(*_DOWNWARDS)
_FROM = cards.c.position >= bindparam("_low", type_=BigInteger)
_FROM_INDEX = _NEIGHBOURS.where(_FROM).order_by(*_UPWARDS).offset(bindparam("_skip"))
_AFTER = _NEIGHBOURS.where(_POINT > _HERE).order_by(*_UPWARDS)
_BEFORE = _NEIGHBOURS.where(_POINT < _HERE).order_by(*_DOWNWARDS)
_COUNT_FROM = select(func.count()).where(_OTHERS, _FROM, _POINT < _HERE)
_ANCHOR: Select[Any] = select(
    cards.c.position,
    cards.c.id,
    and_(cards.c.column_id == bindparam("_column_id"), cards.c.archived == false()).label("stands_there"),
    case(
        (bindparam("_counts", type_=Integer) == 1, _place(_other.c.id != bindparam("_card_id"))), else_=None
    ).label("place"),
).where(cards.c.id == bindparam("_anchor_id"), cards.c.project_id == bindparam("_project_id"))
_LINES: Select[Any] = (
    select(cards.c.column_id, cards.c.id, cards.c.position)
    .where(
        cards.c.project_id == bindparam("_project_id"),
        cards.c.column_id.in_(bindparam("_ids", expanding=True)),
        cards.c.archived == false(),
    )
    .order_by(cards.c.column_id, *_UPWARDS)
)
_THERE = select(cards.c.id).where(
    cards.c.project_id == bindparam("_project_id"), cards.c.id.in_(bindparam("_ids", expanding=True))
)
_HOLDS_CARDS = select(cards.c.id).where(cards.c.column_id == bindparam("_column_id")).limit(1)
_REWRITE = update(cards).where(cards.c.id == bindparam("_id"))
_numbered = (
    select(
        cards.c.position,
        (func.row_number().over(order_by=(cards.c.position, cards.c.id)) - 1).label("place"),
    )
    .where(_STANDING)
    .subquery()
)
_STARTS: Select[Any] = (
    select(_numbered.c.position).where(_numbered.c.place % STRETCH == 0).order_by(_numbered.c.place)
)
_COUNT = select(func.count()).where(_STANDING)
_WRITE_DIRECTORY = update(columns).where(columns.c.id == bindparam("_id"))


def count_others(uow: UnitOfWork, column_id: str, card_id: str) -> int:
    """How many cards stand in a column beside that one."""
    found: int = uow.connection.execute(_END, {"_column_id": column_id, "_card_id": card_id}).one()[0]
    return found


def find_column_ends(uow: UnitOfWork, column_ids: Collection[str]) -> dict[str, InsertionPoint]:
    """The spots behind the last cards of columns that are held."""
    rows = uow.connection.execute(_ENDS, {"_ids": list(column_ids)})
    found = {column_id: InsertionPoint(last + GAP, count) for column_id, count, last in rows}
    return {column_id: found.get(column_id, InsertionPoint(0, 0)) for column_id in column_ids}


def load_column_orders(
    uow: UnitOfWork, project_id: str, column_ids: Collection[str]
) -> dict[str, ColumnOrder]:
    """All cards that stand in some columns of a project."""
    rows = uow.connection.execute(_LINES, {"_project_id": project_id, "_ids": list(column_ids)})
    standing: dict[str, list[tuple[str, int]]] = {column_id: [] for column_id in column_ids}
    for column_id, id, position in rows:
        standing[column_id].append((id, position))
    return {column_id: ColumnOrder(found) for column_id, found in standing.items()}


def are_there(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> set[str]:
    """Those of the ids that are cards of a project."""
    if not ids:
        return set()
    rows = uow.connection.execute(_THERE, {"_project_id": project_id, "_ids": list(ids)})
    return set(rows.scalars())


def holds_cards(uow: UnitOfWork, column_id: str) -> bool:
    """Whether there are cards in a column, archived ones included."""
    return uow.connection.execute(_HOLDS_CARDS, {"_column_id": column_id}).first() is not None


def find_insertion_point(
    uow: UnitOfWork,
    stage: LockedColumn,
    wish: TargetPosition,
    project_id: str,
    card_id: str = "",
    position: int | None = None,
) -> InsertionPoint:
    """Find the place that a card wants in a column that is held; it is as if the card stood nowhere yet.

    Args:
        uow: The unit.
        stage: The column.
        wish: Where the card wants to stand.
        project_id: The project of both.
        card_id: The card, if it is there already.
        position: Where the card stands, if it stands in that column.

    Raises:
        Invalid: It wants to stand beside a card that is not there.
        Conflict: It wants to stand beside a card of another column, or one that is archived.
    """
    directory = stage.directory
    if directory is not None and position is not None:
        directory = directory.counted(position, -1)
    search = _Search(uow, {"_column_id": stage.id, "_card_id": card_id}, directory)
    return InsertionPoint(*search.wanted(wish, project_id), search.directory)


class _Search:
    """The search for a place among the other cards of a column.

    Args:
        uow: The unit.
        others: The column, and the card that is not one of them.
        directory: That of the others; None if they are counted. It changes where room is made.
    """

    def __init__(self, uow: UnitOfWork, others: Mapping[str, str], directory: PositionIndex | None) -> None:
        self.directory = directory
        self._execute = uow.connection.execute
        self._uow = uow
        self._others = others

    def wanted(self, wish: TargetPosition, project_id: str) -> tuple[int, int]:
        if isinstance(wish, AdjacentPosition):
            return self.beside(project_id, wish)
        return self.at_index(wish.index) if isinstance(wish, IndexPosition) else self.last()

    def last(self) -> tuple[int, int]:
        if self.directory is None:
            count, last = self._execute(_END, self._others).one()
        else:
            count, last = self.directory.total, self._execute(_LAST, {**self._others, "_limit": 1}).scalar()
        return 0 if last is None else last + GAP, count

    def at_index(self, index: int) -> tuple[int, int]:
        # The card before that place, and the one that is pushed on.
        low, skip = self._at(max(index - 1, 0))
        page = {"_limit": 2 if index else 1, "_low": low, "_skip": skip}
        rows = self._execute(_FROM_INDEX, {**self._others, **page}).fetchall()
        if index == 0:
            return self._between(None, rows[0] if rows else None), 0
        return (self._between(*rows), index) if len(rows) == 2 else self.last()

    def _at(self, index: int) -> tuple[int, int]:
        low, skip = (None, index) if self.directory is None else self.directory.at(index)
        return _LOWEST if low is None else low, skip

    def beside(self, project_id: str, wish: AdjacentPosition) -> tuple[int, int]:
        asked = {"_anchor_id": wish.card_id, "_project_id": project_id, "_counts": self.directory is None}
        anchor = self._execute(_ANCHOR, {**self._others, **asked}).first()
        if anchor is None:
            raise unknown(wish.field)
        if not anchor.stands_there:
            raise Conflict(f"{wish.field} is not in that column", code="not_in_column")
        place = anchor.place
        if place is None:
            place = self.count_before(anchor.position, anchor.id)
        point = {**self._others, "_position": anchor.position, "_id": anchor.id, "_limit": 1}
        if wish.after:
            return self._between(anchor, self._execute(_AFTER, point).first()), place + 1
        return self._between(self._execute(_BEFORE, point).first(), anchor), place

    def count_before(self, position: int, id: str) -> int:
        """How many of the others stand before a card of a large column."""
        assert self.directory is not None
        low, before = self.directory.below(position)
        point = {"_position": position, "_id": id, "_low": _LOWEST if low is None else low}
        return before + self._execute(_COUNT_FROM, {**self._others, **point}).scalar_one()

    def _between(self, left: Row[Any, Any] | None, right: Row[Any, Any] | None) -> int:
        """A position between two neighbours; None is the end of the column. Where there is none left, room is made."""
        found = spread(left and left.position, 1, right and right.position)
        if found is not None:
            return found[0]
        assert left is not None
        return self._make_room(left)

    def _make_room(self, left: Row[Any, Any]) -> int:
        """Spread the cards around a place again, as few as will do; the position that is free right after ``left``."""
        reach = REACH
        while True:
            point = {**self._others, "_position": left.position, "_id": left.id, "_limit": reach}
            preceding = self._execute(_BEFORE, point).fetchall()
            following = self._execute(_AFTER, point).fetchall()
            row = [*reversed(preceding), left, *following]
            place = len(preceding) + 1
            positions: list[int | None] = [each.position for each in row]
            positions.insert(place, None)
            found = settled(positions, opens_left=len(preceding) < reach, opens_right=len(following) < reach)
            if found is not None:
                position = found.pop(place)
                self._respread([(each.id, each.position, new) for each, new in zip(row, found, strict=True)])
                return position
            reach *= 4

    def _respread(self, cards: list[tuple[str, int, int]]) -> None:
        rewrite(self._uow, {id: new for id, old, new in cards if old != new})
        if self.directory is not None:
            self.directory = self.directory.respread([(old, new) for _, old, new in cards])


def rewrite(uow: UnitOfWork, positions: Mapping[str, int]) -> None:
    """Give cards other positions, by their ids; their order is what the caller has decided."""
    if positions:
        uow.connection.execute(
            _REWRITE, [{"_id": id, "position": position} for id, position in positions.items()]
        )


# ---------------------------------------------------------------------------------------------- directories


def index_removal(uow: UnitOfWork, stage: LockedColumn, position: int) -> None:
    """Write the directory of a column, which is held, once a card has left the position where it stood."""
    if stage.directory is not None:
        directory = stage.directory.counted(position, -1)
        _write(uow, stage.id, directory if directory.is_fit else None)


def index_insertion(uow: UnitOfWork, stage: LockedColumn, spot: InsertionPoint) -> None:
    """Write the directory of a column, which is held, once a card stands at the spot that was found for it."""
    if spot.directory is None:
        if spot.order >= LARGE:
            rebuild(uow, stage.id)
        return
    directory = spot.directory.counted(spot.position, 1)
    if directory.is_fit:
        _write(uow, stage.id, directory)
    else:
        rebuild(uow, stage.id)


def index_changes(uow: UnitOfWork, stage: LockedColumn, count: int) -> None:
    """Write the directory of a column, which is held and where ``count`` cards stand by now, after many changes."""
    if stage.directory is not None or count > LARGE:
        rebuild(uow, stage.id)


def rebuild(uow: UnitOfWork, column_id: str) -> None:
    """Make the directory of a column, which is held, from the cards that stand there."""
    total = uow.connection.execute(_COUNT, {"_column_id": column_id}).scalar_one()
    if total <= STRETCH:
        _write(uow, column_id, None)
        return
    starts = uow.connection.execute(_STARTS, {"_column_id": column_id}).scalars().fetchall()
    _write(uow, column_id, PositionIndex.of(starts, total))


def _write(uow: UnitOfWork, column_id: str, directory: PositionIndex | None) -> None:
    uow.connection.execute(
        _WRITE_DIRECTORY, {"_id": column_id, "directory": None if directory is None else directory.text}
    )
