"""A psycopg cursor that builds the description of a column only when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import psycopg
from psycopg import Column


class ResultColumns(Sequence[Column]):
    """The columns of a result.

    SQLAlchemy reads the description after each statement, but after the first execution only checks whether there are
    columns. The driver builds the list each time, which for a card takes as long as the rest of the statement.
    """

    __slots__ = ("_cursor", "_length")

    def __init__(self, cursor: psycopg.Cursor[Any], length: int) -> None:
        self._cursor = cursor
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Column: ...
    @overload
    def __getitem__(self, place: slice) -> list[Column]: ...
    def __getitem__(self, place: int | slice) -> Column | list[Column]:
        return list(self)[place]

    def __iter__(self) -> Iterator[Column]:
        return (Column(self._cursor, place) for place in range(self._length))


class Cursor(psycopg.Cursor[Any]):
    """A cursor with a lazy description."""

    @property
    def description(self) -> ResultColumns | None:  # type: ignore[override]
        result = self.pgresult
        return ResultColumns(self, result.nfields) if result is not None and result.nfields else None
