"""Lists that are written as JSON in parts, so that a large response never is in memory as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, cast

import orjson

from stellary.contract.naming import once
from stellary.contract.wire import Stored, as_dict, dump

T = TypeVar("T")
_LIST = b"\0"
"""Stands for a list in JSON, in which no other zero byte can occur."""


class DumpedInParts(Stored):
    """A list that can be written as JSON in parts."""

    __slots__ = ()

    @abstractmethod
    def dump(self) -> Iterator[bytes]:
        """Yield the list as JSON, some items at a time."""

    def release(self) -> None:
        """Free the items of a long list that is not needed any more. By default, do nothing."""

    def to_json_data(self) -> orjson.Fragment:
        """Return the whole list as JSON."""
        return orjson.Fragment(b"".join(self.dump()))


class Batches(DumpedInParts, Generic[T]):
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

    def dump(self) -> Iterator[bytes]:
        """Yield the list as JSON, a batch at a time."""
        separator = b"["
        for batch in self._read():
            if batch:
                yield separator + dump(list(batch))[1:-1]
                separator = b","
        yield b"[]" if separator == b"[" else b"]"


def dump_in_parts(value: object) -> Iterable[bytes]:
    """Return the same bytes as ``dump`` in parts. Lists that are ``DumpedInParts`` are written when their parts are read, and released.

    Args:
        value: A value of the contract, or a list of them.
    """
    lists: list[DumpedInParts] = []

    def convert(item: object) -> object:
        if not _is_in_parts(type(item)):
            return as_dict(item)
        lists.append(cast("DumpedInParts", item))
        return orjson.Fragment(_LIST)

    json = dump(value, convert)
    return _insert_lists(json.split(_LIST), lists) if lists else (json,)


@once
def _is_in_parts(cls: type) -> bool:
    # An abstract class takes four times as long to find out about each object.
    return issubclass(cls, DumpedInParts)


def _insert_lists(texts: Sequence[bytes], lists: Sequence[DumpedInParts]) -> Iterator[bytes]:
    """Yield texts with a list between each two of them."""
    yield texts[0]
    for text, items in zip(texts[1:], lists, strict=True):
        yield from items.dump()
        items.release()
        yield text
