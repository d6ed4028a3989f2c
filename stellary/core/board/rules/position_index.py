"""Position indexes of large columns: card counts per range of positions, so that an order is found without a full count.

An index is a list of stretches, each with its lowest position and the number of its cards. Positions below the second
stretch belong to the first. The index is stored in the column's row (``directory``); writing it requires a lock on
that row.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Self

import attrs
import orjson

STRETCH = 1024
LARGE = 2 * STRETCH
"""The number of cards above which a column gets an index. Counting that many takes about as long as the rest of a move."""


@attrs.frozen
class PositionIndex:
    """The number of cards in each stretch of a column.

    Attributes:
        lows: The lowest position of each stretch, ascending.
        counts: The number of cards in each stretch.
    """

    lows: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse the index of a column's row; None if it has none."""
        return cls(*map(tuple, zip(*orjson.loads(text), strict=True))) if text else None

    @property
    def text(self) -> str:
        """The index in the form in which a column's row stores it."""
        return orjson.dumps(list(zip(self.lows, self.counts, strict=True))).decode()

    @classmethod
    def build(cls, starts: Sequence[int], total: int) -> Self:
        """Build the index of a column.

        Args:
            starts: The positions of every 1,024th card, from the first.
            total: The number of cards.
        """
        whole, remainder = divmod(total, STRETCH)
        return cls(tuple(starts), (STRETCH,) * whole + ((remainder,) if remainder else ()))

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def is_fit(self) -> bool:
        """True if the column is still large enough for an index, and no stretch is too long."""
        return self.total > STRETCH and max(self.counts) <= LARGE

    def locate_position(self, position: int) -> tuple[int | None, int]:
        """Return the start of the stretch that contains a position (None for the first), and the number of cards before it."""
        stretch = self._stretch(position)
        return self._start(stretch), sum(self.counts[:stretch])

    def locate_index(self, index: int) -> tuple[int | None, int]:
        """Return the start of the stretch that contains the card at an index, and the number of its cards before that card."""
        stretch = 0
        while stretch < len(self.counts) - 1 and index >= self.counts[stretch]:
            index -= self.counts[stretch]
            stretch += 1
        return self._start(stretch), index

    def with_count(self, position: int, step: int) -> Self:
        """Return the index after a card was added at a position (1) or removed from it (-1).

        Args:
            position: The position of the card.
            step: 1 for an added card, -1 for a removed one.
        """
        stretch = self._stretch(position)
        counts = list(self.counts)
        counts[stretch] += step
        if counts[stretch] or len(counts) == 1:
            return attrs.evolve(self, counts=tuple(counts))
        return attrs.evolve(
            self,
            lows=self.lows[:stretch] + self.lows[stretch + 1 :],
            counts=self.counts[:stretch] + self.counts[stretch + 1 :],
        )

    def with_moves(self, moves: Iterable[tuple[int, int]]) -> Self:
        """Return the index after adjacent cards got new positions in the same order.

        Args:
            moves: Their positions before and after, ascending.
        """
        old, new = zip(*moves, strict=True)
        return attrs.evolve(self, lows=tuple(_move_low(low, old, new) for low in self.lows))

    def _stretch(self, position: int) -> int:
        return bisect_right(self.lows, position, lo=1) - 1

    def _start(self, stretch: int) -> int | None:
        return self.lows[stretch] if stretch else None


def _move_low(low: int, old: Sequence[int], new: Sequence[int]) -> int:
    """Return the new lowest position of a stretch, so that each card stays in its stretch."""
    first = bisect_left(old, low)
    if first == 0:
        return min(low, new[0])
    return new[first] if first < len(new) else max(low, new[-1] + 1)
