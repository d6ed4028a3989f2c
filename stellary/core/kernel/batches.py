"""Lists that are read in batches while they are written as JSON, so that a large response never is in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from stellary.contract.wire import Stored, as_dict, dump

T = TypeVar("T")


class Batches(Stored, Generic[T]):
    """A list whose items are read when they are needed, each time from the beginning.

    Args:
        read: Yields the items in batches; in the transaction in which the list was created.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Iterator[Sequence[T]]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[T]:
        for batch in self._read():
            yield from batch

    def to_json_data(self) -> list[T]:
        """Return all items."""
        return list(self)

    def dump(self) -> Iterator[bytes]:
        """Yield the list as JSON, a batch at a time."""
        separator = b"["
        for batch in self._read():
            if batch:
                yield separator + dump(list(batch))[1:-1]
                separator = b","
        yield b"[]" if separator == b"[" else b"]"


def dump_in_parts(value: object) -> Iterator[bytes]:
    """Yield the same bytes as ``dump``, with lists that are ``Batches`` a batch at a time.

    Args:
        value: A value of the contract.
    """
    separator = b"{"
    for name, item in as_dict(value).items():
        yield separator + dump(name) + b":"
        if isinstance(item, Batches):
            yield from item.dump()
        else:
            yield dump(item)
        separator = b","
    yield b"}"
