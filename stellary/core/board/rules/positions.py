"""Positions of cards: numbers with gaps, so that a card finds a place between two others without moving them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GAP = 2**32
"""Between neighbours that were put one after the other: room for 32 cards, each in the middle of what is left."""

ROOM = 2**16
"""What must be left between neighbours once they had to be spread again. Of what was tried, this rewrote the fewest:
two to three cards per insertion when 50,000 are inserted at the same place."""


def spread(left: int | None, count: int, right: int | None, room: int = 1) -> list[int] | None:
    """Positions for ``count`` cards between two neighbours, evenly.

    Args:
        left, right: The positions of the neighbours; None at an end of the column, which is open.
        count: How many.
        room: What has to be between two of them at least.

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


def settled(
    row: Sequence[int | None], *, opens_left: bool = True, opens_right: bool = True
) -> list[int] | None:
    """Positions for those of a row of cards that have none yet, each run between its neighbours.

    Where the neighbours leave no room, as few of the others as possible are spread again with them.

    Args:
        row: The cards' positions in order; None for a card that is new here.
        opens_left, opens_right: Whether the row ends there with the column. At an end that is closed there are
            further cards, and the outermost one of the row stays where it is.

    Returns:
        None if the row is closed and leaves no room: a longer piece of the column will.
    """
    made = list(row)
    index = 0
    while index < len(made):
        if made[index] is not None:
            index += 1
            continue
        end = index
        while end < len(made) and made[end] is None:
            end += 1
        if not _fill(made, index, end, opens_left, opens_right):
            return None
        index = end
    return [position for position in made if position is not None]


def _fill(made: list[int | None], start: int, end: int, opens_left: bool, opens_right: bool) -> bool:
    first = 0 if opens_left else 1
    last = len(made) if opens_right else len(made) - 1
    reach, room = 0, 1
    while True:
        low, high = max(start - reach, first), min(end + reach, last)
        # What is new to the right of the run gets its place with it, so that a piece never ends within a run.
        while high < last and made[high] is None:
            high += 1
        left = made[low - 1] if low > 0 else None
        right = made[high] if high < len(made) else None
        found = spread(left, high - low, right, room)
        if found is not None:
            made[low:high] = found
            return True
        if low == first and high == last:
            return False
        reach, room = max(2 * reach, 8), ROOM


class ColumnOrder:
    """The cards that stand in a column, in order, while several of them change places.

    Args:
        standing: Their ids and positions, in order.
    """

    def __init__(self, standing: Iterable[tuple[str, int]]) -> None:
        self._kept: dict[str, int] = dict(standing)
        self._ids = list(self._kept)
        self._new: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def places(self) -> dict[str, int]:
        """The place of each card, from 0."""
        return {id: place for place, id in enumerate(self._ids)}

    def place(self, id: str) -> int | None:
        """The place of a card; None if it does not stand here."""
        return self._ids.index(id) if id in self._kept or id in self._new else None

    def take(self, id: str) -> None:
        """Take a card out."""
        self._ids.remove(id)
        self._kept.pop(id, None)
        self._new.discard(id)

    def put(self, id: str, place: int) -> None:
        """Put a card in at a place, or at the end if there are fewer."""
        self._ids.insert(place, id)
        self._new.add(id)

    def positions(self) -> dict[str, int]:
        """The positions that have to be written: of the cards that were put in, and of those that make room."""
        if not self._new:
            return {}
        found = settled([self._kept.get(id) for id in self._ids])
        assert found is not None, "a whole column is open at both ends"
        return {
            id: position
            for id, position in zip(self._ids, found, strict=True)
            if position != self._kept.get(id)
        }
