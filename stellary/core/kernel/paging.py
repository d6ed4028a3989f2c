"""Pages by keyset: where the last page ended is looked up in an index, so that no row comes twice or is skipped."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam

from stellary.contract.errors import Invalid
from stellary.contract.paging import Listing, Paged
from stellary.contract.unset import Unset
from stellary.contract.wire import invalid
from stellary.core.kernel.unit import UnitOfWork

T = TypeVar("T")
_LIMIT = 100
_BEFORE_ALL, _AFTER_ALL = "", "g" * 24
_BEFORE_ALL_NUMBERS, _AFTER_ALL_NUMBERS = 0, 2**31 - 1


class Pages:
    """A list that can be had whole or by the page, ordered by an id or a number: statements built once.

    Args:
        rows: What is listed, without an order.
        key: The column to order by, text or a number from 1: unique, and never changed.
        newest_first: Whether the largest key comes first.
    """

    def __init__(self, rows: Select[Any], key: ColumnElement[Any], *, newest_first: bool = False) -> None:
        self._newest_first = newest_first
        self._counts = isinstance(key.type, Integer)
        self._key = key.name
        self._whole = rows.order_by(key.desc() if newest_first else key)
        after = bindparam("_after", type_=key.type)
        beyond = key < after if newest_first else key > after
        self._part = self._whole.where(beyond).limit(bindparam("_limit"))

    def fetch(
        self, uow: UnitOfWork, request: Paged, made: Callable[[Row[Any]], T], **parameters: Any
    ) -> Listing[T]:
        """The list, or the page that the request names.

        Raises:
            Invalid: The cursor was not made here.
        """
        if not request.limit and not request.cursor:
            return Listing([made(row) for row in uow.connection.execute(self._whole, parameters)])
        limit = request.limit or _LIMIT
        rows = uow.connection.execute(
            self._part, {**parameters, "_after": self._after(request.cursor), "_limit": limit + 1}
        ).fetchall()
        more = make_cursor(str(getattr(rows[limit - 1], self._key))) if len(rows) > limit else None
        return Listing([made(row) for row in rows[:limit]], more)

    def _after(self, cursor: str | Unset) -> str | int:
        """The key after which the page begins."""
        if not cursor:
            ends = (_BEFORE_ALL_NUMBERS, _AFTER_ALL_NUMBERS) if self._counts else (_BEFORE_ALL, _AFTER_ALL)
            return ends[self._newest_first]
        key = read_cursor(cursor)
        if not self._counts:
            return key
        if not re.fullmatch("[1-9][0-9]{0,9}", key):
            raise _bad()
        return min(int(key), _AFTER_ALL_NUMBERS)


def page_of(items: Sequence[T], request: Paged, key: Callable[[T], str]) -> Listing[T]:
    """The same for a list that is at hand: whole as it stands, by the page in the order of the key.

    Raises:
        Invalid: The cursor was not made here.
    """
    if not request.limit and not request.cursor:
        return Listing(items)
    limit = request.limit or _LIMIT
    after = read_cursor(request.cursor) if request.cursor else _BEFORE_ALL
    rest = sorted((item for item in items if key(item) > after), key=key)
    more = make_cursor(key(rest[limit - 1])) if len(rest) > limit else None
    return Listing(rest[:limit], more)


def make_cursor(key: str) -> str:
    """The cursor of the page after that key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """The key in a cursor.

    Raises:
        Invalid: The cursor was not made here.
    """
    try:
        key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise _bad() from None
    if not key.isalnum() or make_cursor(key) != cursor:
        raise _bad()
    return key


def make_ranked_cursor(rank: int, key: str) -> str:
    """The cursor of a list that goes by rank first, the highest before the others."""
    return make_cursor(f"{rank:06d}{key}")


def read_ranked_cursor(cursor: str) -> tuple[int, str]:
    """The rank and the key in such a cursor.

    Raises:
        Invalid: The cursor was not made by such a list.
    """
    found = re.fullmatch(r"([0-9]{6})([0-9a-f]{24})", read_cursor(cursor))
    if found is None:
        raise _bad()
    return int(found[1]), found[2]


def _bad() -> Invalid:
    return invalid(("cursor", "must be one that this list has answered with"))
