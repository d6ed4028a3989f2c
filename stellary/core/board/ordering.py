"""Ordering: the only module that knows where cards stand. It counts places, finds positions and makes room.

Whoever changes who stands in a column holds the column first (``holds.hold_columns``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    false,
    func,
    select,
    tuple_,
    update,
)

from stellary.contract.errors import Conflict
from stellary.core.board.rules.cards import AtEnd, AtIndex, Beside, Stage, Wish
from stellary.core.board.rules.places import GAP, Line, settled, spread
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards
from stellary.core.unit import UnitOfWork

BOARD_ORDER = (cards.c.column_id, cards.c.archived, cards.c.position, cards.c.id)
"""The cards of each column in their places, those that are archived after them: as the index has them."""

REACH = 32
"""How many cards on either side are looked at first when room has to be made."""


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


PLACE = _place().label("place")
"""The place of the card that a statement selects. Of an archived one it means nothing."""


@attrs.frozen
class Spot:
    """A place that was found: its position, and the index that it makes."""

    position: int
    order: int


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
_FROM_INDEX: Select[Any, Any] = (
    select(cards.c.position, cards.c.id)
    .where(_OTHERS)
    .order_by(*_UPWARDS)
    .limit(bindparam("_limit"))
    .offset(bindparam("_skip"))
)
_ANCHOR: Select[Any] = select(
    cards.c.position,
    cards.c.id,
    and_(cards.c.column_id == bindparam("_column_id"), cards.c.archived == false()).label("stands_there"),
    _place(_other.c.id != bindparam("_card_id")).label("place"),
).where(cards.c.id == bindparam("_anchor_id"), cards.c.project_id == bindparam("_project_id"))
_AFTER: Select[Any, Any] = (
    select(cards.c.position, cards.c.id)
    .where(_OTHERS, _POINT > _HERE)
    .order_by(*_UPWARDS)
    .limit(bindparam("_limit"))
)
_BEFORE: Select[Any, Any] = (
    select(cards.c.position, cards.c.id)
    .where(_OTHERS, _POINT < _HERE)
    .order_by(*_DOWNWARDS)
    .limit(bindparam("_limit"))
)
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


def count_others(uow: UnitOfWork, column_id: str, card_id: str) -> int:
    """How many cards stand in a column beside that one."""
    found: int = _end(uow, column_id, card_id)[0]
    return found


def find_ends(uow: UnitOfWork, column_ids: Collection[str]) -> dict[str, Spot]:
    """The spots behind the last cards of columns that are held."""
    rows = uow.connection.execute(_ENDS, {"_ids": list(column_ids)})
    found = {column_id: Spot(last + GAP, count) for column_id, count, last in rows}
    return {column_id: found.get(column_id, Spot(0, 0)) for column_id in column_ids}


def read_lines(uow: UnitOfWork, project_id: str, column_ids: Collection[str]) -> dict[str, Line]:
    """All cards that stand in some columns of a project."""
    rows = uow.connection.execute(_LINES, {"_project_id": project_id, "_ids": list(column_ids)})
    standing: dict[str, list[tuple[str, int]]] = {column_id: [] for column_id in column_ids}
    for column_id, id, position in rows:
        standing[column_id].append((id, position))
    return {column_id: Line(found) for column_id, found in standing.items()}


def are_there(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> set[str]:
    """Those of the ids that are cards of a project."""
    if not ids:
        return set()
    rows = uow.connection.execute(_THERE, {"_project_id": project_id, "_ids": list(ids)})
    return set(rows.scalars())


def holds_cards(uow: UnitOfWork, column_id: str) -> bool:
    """Whether there are cards in a column, archived ones included."""
    return uow.connection.execute(_HOLDS_CARDS, {"_column_id": column_id}).first() is not None


def find_spot(uow: UnitOfWork, stage: Stage, card_id: str, project_id: str, wish: Wish) -> Spot:
    """Find the place that a card wants in a column that is held; it is as if the card stood nowhere yet.

    Raises:
        Invalid: It wants to stand beside a card that is not there.
        Conflict: It wants to stand beside a card of another column, or one that is archived.
    """
    others = {"_column_id": stage.id, "_card_id": card_id}
    match wish:
        case AtEnd():
            return _last(uow, others)
        case AtIndex(index):
            return _at_index(uow, others, index)
        case Beside():
            return _beside(uow, others, project_id, wish)


def _end(uow: UnitOfWork, column_id: str, card_id: str) -> Row[int, Any]:
    return uow.connection.execute(_END, {"_column_id": column_id, "_card_id": card_id}).one()


def _last(uow: UnitOfWork, others: Mapping[str, str]) -> Spot:
    count, last = uow.connection.execute(_END, others).one()
    return Spot(0 if last is None else last + GAP, count)


def _at_index(uow: UnitOfWork, others: Mapping[str, str], index: int) -> Spot:
    if index == 0:
        first = uow.connection.execute(_FROM_INDEX, {**others, "_limit": 1, "_skip": 0}).first()
        return Spot(_between(uow, others, None, first), 0)
    rows = uow.connection.execute(_FROM_INDEX, {**others, "_limit": 2, "_skip": index - 1}).fetchall()
    if len(rows) < 2:
        return _last(uow, others)
    return Spot(_between(uow, others, *rows), index)


def _beside(uow: UnitOfWork, others: Mapping[str, str], project_id: str, wish: Beside) -> Spot:
    anchor = uow.connection.execute(
        _ANCHOR, {**others, "_anchor_id": wish.card_id, "_project_id": project_id}
    ).first()
    if anchor is None:
        raise unknown(wish.field)
    if not anchor.stands_there:
        raise Conflict(f"{wish.field} is not in that column", code="not_in_column")
    point = {"_position": anchor.position, "_id": anchor.id, "_limit": 1}
    if wish.after:
        following = uow.connection.execute(_AFTER, {**others, **point}).first()
        return Spot(_between(uow, others, anchor, following), anchor.place + 1)
    preceding = uow.connection.execute(_BEFORE, {**others, **point}).first()
    return Spot(_between(uow, others, preceding, anchor), anchor.place)


# ---------------------------------------------------------------------------------------------- making room


def _between(
    uow: UnitOfWork, others: Mapping[str, str], left: Row[Any, Any] | None, right: Row[Any, Any] | None
) -> int:
    """A position between two neighbours; None is the end of the column. Where there is none left, room is made."""
    found = spread(left and left.position, 1, right and right.position)
    if found is None:
        assert left is not None
        return _make_room(uow, others, left)
    return found[0]


def _make_room(uow: UnitOfWork, others: Mapping[str, str], left: Row[Any, Any]) -> int:
    """Spread the cards around a place again, as few as will do, and say which position is free right after ``left``."""
    reach = REACH
    while True:
        point = {**others, "_position": left.position, "_id": left.id, "_limit": reach}
        preceding = uow.connection.execute(_BEFORE, point).fetchall()
        following = uow.connection.execute(_AFTER, point).fetchall()
        row = [*reversed(preceding), left, *following]
        place = len(preceding) + 1
        positions: list[int | None] = [each.position for each in row]
        positions.insert(place, None)
        found = settled(positions, opens_left=len(preceding) < reach, opens_right=len(following) < reach)
        if found is not None:
            position = found.pop(place)
            rewrite(uow, {each.id: new for each, new in zip(row, found, strict=True) if each.position != new})
            return position
        reach *= 4


def rewrite(uow: UnitOfWork, positions: Mapping[str, int]) -> None:
    """Give cards other positions, by their ids; their order is what the caller has decided."""
    if positions:
        uow.connection.execute(
            _REWRITE, [{"_id": id, "position": position} for id, position in positions.items()]
        )
