"""Positions of cards: integers with gaps, so that a card can be inserted between two others without moving them."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

GAP = 2**32
"""The gap between appended cards. It allows 32 insertions at the same place, since each halves the gap."""

ROOM = 2**16
"""The smallest gap after cards were respread. Of the measured values, this one rewrites the fewest cards:
two to three per insertion when 50,000 cards are inserted at the same index."""


def spread(left: int | None, count: int, right: int | None, room: int = 1) -> list[int] | None:
    """Return evenly spaced positions for cards between two neighbours.

    Args:
        left: The position of the card before them; None at the beginning of the column.
        count: The number of cards.
        right: The position of the card after them; None at the end of the column.
        room: The smallest distance between two of them.

    Returns:
        None if there is not enough room.
    """
    if left is None and right is None:
        return [GAP * index for index in range(count)]
    if right is None:
        assert left is not None
        return [left + GAP * (index + 1) for index in range(count)]
    if left is None:
        return [right - GAP * (count - index) for index in range(count)]
    step = (right - left) // (count + 1)
    return [left + step * (index + 1) for index in range(count)] if step >= max(room, 1) else None


def assign_positions(
    row: Sequence[int | None], *, opens_left: bool = True, opens_right: bool = True
) -> list[int] | None:
    """Assign positions to the cards of a row that have none, between the positions of their neighbours.

    Where the neighbours leave no room, as few of the other cards as possible are respread with them.

    Args:
        row: The positions of the cards, in order; None for a new card.
        opens_left: Whether the row starts at the beginning of the column. If not, the first card of the row keeps its
            position, since other cards precede it.
        opens_right: The same for the end of the column.

    Returns:
        The positions of all cards; None if there is no room between the first and the last card, so that a longer
        row is needed.
    """
    positions = list(row)
    index = 0
    while index < len(positions):
        if positions[index] is not None:
            index += 1
            continue
        end = index
        while end < len(positions) and positions[end] is None:
            end += 1
        if not _fill(positions, index, end, opens_left, opens_right):
            return None
        index = end
    return [position for position in positions if position is not None]


def _fill(positions: list[int | None], start: int, end: int, opens_left: bool, opens_right: bool) -> bool:
    first = 0 if opens_left else 1
    last = len(positions) if opens_right else len(positions) - 1
    reach, room = 0, 1
    while True:
        low, high = max(start - reach, first), min(end + reach, last)
        # New cards right of the run belong to it: a piece must not end within a run.
        while high < last and positions[high] is None:
            high += 1
        left = positions[low - 1] if low > 0 else None
        right = positions[high] if high < len(positions) else None
        new_positions = spread(left, high - low, right, room)
        if new_positions is not None:
            positions[low:high] = new_positions
            return True
        if low == first and high == last:
            return False
        reach, room = max(2 * reach, 8), ROOM


def follow_neighbours(moves: Sequence[tuple[str, int, int]], positions: Mapping[str, int]) -> dict[str, int]:
    """Return the new positions of cards between other cards that got new positions.

    Args:
        moves: The ids of these other cards, which are adjacent, in order, with their positions before and after.
        positions: The positions of the cards, by id.
    """
    points = [(old, id) for id, old, _ in moves]
    ids_by_index: dict[int, list[str]] = defaultdict(list)
    for position, id in sorted((position, id) for id, position in positions.items()):
        ids_by_index[bisect(points, (position, id))].append(id)
    followed: dict[str, int] = {}
    for index, ids in ids_by_index.items():
        left = moves[index - 1] if index else None
        right = moves[index] if index < len(moves) else None
        if any(move is not None and move[1] != move[2] for move in (left, right)):
            spread_positions = spread(left and left[2], len(ids), right and right[2])
            if spread_positions is not None:
                followed.update(zip(ids, spread_positions, strict=True))
    return followed


class ColumnOrder:
    """The order of the cards in a column while several of them move.

    Args:
        cards: Their ids and positions, in order.
    """

    def __init__(self, cards: Iterable[tuple[str, int]]) -> None:
        self._positions: dict[str, int] = dict(cards)
        self._ids = list(self._positions)
        self._new: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def orders(self) -> dict[str, int]:
        """Return the index of each card, from 0."""
        return {id: order for order, id in enumerate(self._ids)}

    def order_of(self, id: str) -> int | None:
        """Return the index of a card; None if it is not in the column."""
        return self._ids.index(id) if id in self._positions or id in self._new else None

    def remove(self, id: str) -> None:
        """Remove a card."""
        self._ids.remove(id)
        self._positions.pop(id, None)
        self._new.discard(id)

    def insert(self, id: str, order: int) -> None:
        """Insert a card at an index, or at the end if there are fewer cards.

        Args:
            id: The id of the card.
            order: The index, from 0.
        """
        self._ids.insert(order, id)
        self._new.add(id)

    def positions(self) -> dict[str, int]:
        """Return the positions to write: of the inserted cards and of cards that were moved to make room."""
        if not self._new:
            return {}
        new_positions = assign_positions([self._positions.get(id) for id in self._ids])
        assert new_positions is not None, "a whole column is open at both ends"
        return {
            id: position
            for id, position in zip(self._ids, new_positions, strict=True)
            if position != self._positions.get(id)
        }

    def list_moves(self, positions: Mapping[str, int]) -> list[tuple[str, int, int]]:
        """Return the cards that were not inserted, in order, with their old and new positions.

        Args:
            positions: The positions that are written.
        """
        return [
            (id, old, positions.get(id, old))
            for id in self._ids
            if (old := self._positions.get(id)) is not None
        ]

    def separate(self) -> list[tuple[str, int, int]]:
        """Return all cards in order, with their old and new positions, if two of them have the same position."""
        if len(set(self._positions.values())) == len(self._positions):
            return []
        return [(id, self._positions[id], GAP * index) for index, id in enumerate(self._ids)]
