"""Items that a process remembers between requests, so that it need not read them from the database again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from stellary.core.db import forks


class Sized(Protocol):
    """An item that can be remembered."""

    def estimate_size(self) -> int:
        """Return its approximate size in bytes."""
        ...


S = TypeVar("S", bound=Sized)


class ItemMemory(Generic[S]):
    """Items, until their total size exceeds a limit; then the oldest ones are forgotten.

    The key of an item names its state: a changed item has another key.

    Args:
        size_max: The limit of the total size, in bytes.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._size = 0
        self._items: dict[Hashable, S] = {}
        self._lock = forks.create_lock(self)

    def find(self, keys: Iterable[Hashable]) -> list[S | None]:
        """Return the items with some keys, in the same order; None for one that is not remembered."""
        return [*map(self._items.get, keys)]

    def add(self, keys: Sequence[Hashable], items: Sequence[S]) -> None:
        """Remember items.

        Args:
            keys: The key of each item.
            items: The items.
        """
        with self._lock:
            for key, item in zip(keys, items, strict=True):
                earlier = self._items.pop(key, None)
                self._items[key] = item
                self._size += item.estimate_size() - (0 if earlier is None else earlier.estimate_size())
            while self._size > self._size_max:
                self._size -= self._items.pop(next(iter(self._items))).estimate_size()
