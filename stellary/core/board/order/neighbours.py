"""The cards beside a position in a column, which are read to find the position of a moved card between them."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, case, false, func, select

from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.row_types import ColumnEndRow, PositionRow
from stellary.core.board.rules.cards import EndPosition, IndexPosition, TargetPosition
from stellary.core.board.rules.position_index import STRETCH, PositionIndex
from stellary.core.board.rules.positions import GAP
from stellary.core.board.tables import cards, columns
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, QueuedRows
from stellary.core.kernel.unit import UnitOfWork

LOWEST = -(2**63)
"""A position before all others."""

# The unarchived cards of a column; those other than the moved card.
STANDING = and_(is_given(cards.c.column_id), cards.c.archived == false())
OTHERS = and_(STANDING, cards.c.id != bindparam("_card_id"))
UPWARDS = (cards.c.position, cards.c.id)
DOWNWARDS = (cards.c.position.desc(), cards.c.id.desc())

NEIGHBOURS: Select[Any, Any] = select(cards.c.position, cards.c.id).where(OTHERS).limit(bindparam("_limit"))
FROM_LOW = cards.c.position >= bindparam("_low", type_=BigInteger)
# The column may come from the request, and is locked in the same round trip, so these statements check its project.
_IN_COLUMN_OF_PROJECT = and_(cards.c.column_id == columns.c.id, is_given(columns.c.project_id))
FROM_INDEX = Query(
    PositionRow,
    NEIGHBOURS.where(FROM_LOW, _IN_COLUMN_OF_PROJECT).order_by(*UPWARDS).offset(bindparam("_skip")),
)


def _select_end(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement for the number and the last position of cards in a column.

    The row of a large column has a position index, which has the number of its cards.
    """
    in_column = and_(cards.c.column_id == columns.c.id, *conditions)
    count = select(func.count()).where(in_column).scalar_subquery()
    last = select(cards.c.position).where(in_column).order_by(*DOWNWARDS).limit(1).scalar_subquery()
    return select(
        case((columns.c.directory.is_(None), count), else_=None).label("card_count"), last.label("last")
    ).where(is_given(columns.c.id, "column_id"), is_given(columns.c.project_id))


END_OF_COLUMN = Query(ColumnEndRow, _select_end(STANDING))
END_OF_OTHERS = Query(ColumnEndRow, _select_end(OTHERS))


def read_end(row: ColumnEndRow | None, position_index: PositionIndex | None) -> tuple[int, int]:
    """Return the position and the order of a card at the end of a column.

    Args:
        row: The end of the column.
        position_index: The index of the column; None if it has none.
    """
    last = None if row is None else row.last
    count = 0 if row is None or row.card_count is None else row.card_count
    return 0 if last is None else last + GAP, count if position_index is None else position_index.total


@attrs.frozen
class Neighbours:
    """The cards beside a position in a column, which are read in the same round trip as the lock of the column.

    Attributes:
        column_id: The column.
        target: The position.
        end: The end of the column, if that is the position.
        cards: The cards beside the index, if it is one.
    """

    column_id: str
    target: TargetPosition
    end: QueuedRows[ColumnEndRow] | None = None
    cards: QueuedRows[PositionRow] | None = None


def queue_neighbours(
    uow: UnitOfWork, project_id: str, column_id: str, target: TargetPosition | None, card_id: str
) -> Neighbours | None:
    """Read the cards beside a position in the same round trip as the lock of the column, which is queued before.

    Args:
        project_id: The project of the card.
        column_id: The column.
        target: The position; None if the card keeps its position.
        card_id: The card that is moved.

    Returns:
        None if they must be read later: beside another card, or far from the beginning of a column that may be large. On
        SQLite there is no round trip to save.
    """
    if not uses_row_locks(uow):
        return None
    ignored = {"_project_id": project_id, "_column_id": column_id, "_card_id": card_id}
    if isinstance(target, EndPosition):
        return Neighbours(column_id, target, end=END_OF_OTHERS.queue(uow.connection, ignored))
    if isinstance(target, IndexPosition) and target.index <= STRETCH:
        page = page_at_index(target.index, None)
        return Neighbours(column_id, target, cards=FROM_INDEX.queue(uow.connection, {**ignored, **page}))
    return None


def page_at_index(index: int, position_index: PositionIndex | None) -> dict[str, object]:
    """Return the parameters for the card before an index, and the card that moves up.

    Args:
        index: The index.
        position_index: The index of positions in the column; None if it has none, or to read from its first card.
    """
    low, skip = None, max(index - 1, 0)
    if position_index is not None:
        low, skip = position_index.locate_index(skip)
    return {"_limit": 2 if index else 1, "_low": LOWEST if low is None else low, "_skip": skip}
