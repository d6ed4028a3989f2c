"""Directories of large columns: how many cards stand in each stretch of one, so that no place is counted from afar.

A directory is a list of stretches, each with the lowest position in it and how many cards stand there. What lies below
the second stretch belongs to the first. It stands on the row of the column, and is written by whoever holds that.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Self

import attrs
import orjson

STRETCH = 1024
LARGE = 2 * STRETCH
"""Above so many cards a column gets a directory: as many as are counted in the time of the rest of a move."""


@attrs.frozen
class PositionIndex:
    """How many cards stand where in a column.

    Attributes:
        lows: The lowest position of each stretch, ascending.
        counts: How many cards stand in each.
    """

    lows: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """The directory that a column's row has, if it has one."""
        return cls(*map(tuple, zip(*orjson.loads(text), strict=True))) if text else None

    @property
    def text(self) -> str:
        """The directory as a column's row has it."""
        return orjson.dumps(list(zip(self.lows, self.counts, strict=True))).decode()

    @classmethod
    def of(cls, starts: Sequence[int], total: int) -> Self:
        """The directory of a column, of which ``starts`` are the positions of every 1,024th card from the first."""
        whole, rest = divmod(total, STRETCH)
        return cls(tuple(starts), (STRETCH,) * whole + ((rest,) if rest else ()))

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def is_fit(self) -> bool:
        """Whether it is still worth having, and no stretch has become long."""
        return self.total > STRETCH and max(self.counts) <= LARGE

    def below(self, position: int) -> tuple[int | None, int]:
        """Where the stretch of a position begins, and how many cards stand before that. None: with the column."""
        stretch = self._stretch(position)
        return self._start(stretch), sum(self.counts[:stretch])

    def at(self, index: int) -> tuple[int | None, int]:
        """Where the stretch of the card at an index begins, and how many cards of it stand before that card."""
        stretch = 0
        while stretch < len(self.counts) - 1 and index >= self.counts[stretch]:
            index -= self.counts[stretch]
            stretch += 1
        return self._start(stretch), index

    def counted(self, position: int, step: int) -> Self:
        """The directory once a card has come to a position (1), or left it (-1)."""
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

    def respread(self, moved: Iterable[tuple[int, int]]) -> Self:
        """The directory once cards that stand side by side have got other positions, in the same order.

        Args:
            moved: Their positions before and after, ascending.
        """
        old, new = zip(*moved, strict=True)
        return attrs.evolve(self, lows=tuple(_respread(low, old, new) for low in self.lows))

    def _stretch(self, position: int) -> int:
        return bisect_right(self.lows, position, lo=1) - 1

    def _start(self, stretch: int) -> int | None:
        return self.lows[stretch] if stretch else None


def _respread(low: int, old: Sequence[int], new: Sequence[int]) -> int:
    """The lowest position of a stretch, so that each card stays in its own."""
    first = bisect_left(old, low)
    if first == 0:
        return min(low, new[0])
    return new[first] if first < len(new) else max(low, new[-1] + 1)
