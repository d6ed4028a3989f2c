"""Pages: the results of list methods, each with the cursor of the next page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from stellary.client.errors import EndlessPages
from stellary.contract.rendering import Displayable

T = TypeVar("T")
DEFAULT_LIMIT = 200
"""Rows per page of ``iterate`` if no ``limit`` is passed."""


class _BasePage(list[T], Displayable):
    """A list of rows, and the cursor of the next page.

    Attributes:
        next_cursor: None on the last page, and for a complete list.
    """

    next_cursor: str | None = None
    _follow: Callable[[str], Any] | None = None

    @property
    def has_more(self) -> bool:
        """True if there is a next page."""
        return self.next_cursor is not None

    def __reduce__(self) -> tuple[type[list[T]], tuple[list[T]]]:
        # A copy is a plain list, because ``_follow`` holds the client and so its token.
        return list, (list(self),)


class Page(_BasePage[T]):
    """A page of a list: its rows, and a method that loads the next page."""

    def next_page(self) -> Page[T]:
        """Return the next page with rows; after the last one an empty page, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return Page()
        following: Page[T] = self._follow(self.next_cursor)
        return following


class AsyncPage(_BasePage[T]):
    """A page of a list, for async callers."""

    async def next_page(self) -> AsyncPage[T]:
        """Return the next page with rows; after the last one an empty page, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return AsyncPage()
        following: AsyncPage[T] = await self._follow(self.next_cursor)
        return following


def page(kind: type[Any], rows: list[Any], cursor: str | None, follow: Callable[[str], Any]) -> Any:
    """Return rows as a page of the given class.

    Args:
        kind: ``Page`` or ``AsyncPage``.
        rows: The rows of the page.
        cursor: The cursor of the next page; None on the last one.
        follow: Loads the page at a cursor.

    Returns:
        The page.
    """
    listing = kind(rows)
    if cursor is not None:
        listing.next_cursor = cursor
        listing._follow = follow  # noqa: SLF001 - of this module
    return listing


class FollowedCursors:
    """The cursors that an iteration has followed."""

    def __init__(self) -> None:
        self._cursors: set[str] = set()

    def follow(self, cursor: str) -> None:
        """Record a cursor.

        Raises:
            EndlessPages: It has been followed before.
        """
        if cursor in self._cursors:
            raise EndlessPages("the list leads to a page that has been read before")
        self._cursors.add(cursor)


def rows(first: Callable[[], Page[T]]) -> Iterator[T]:
    """Iterate over all rows, from the first page on.

    Raises:
        EndlessPages: A page links to a page that has been read before.
    """
    seen = FollowedCursors()
    page = first()
    yield from page
    while page.next_cursor is not None:
        seen.follow(page.next_cursor)
        page = page.next_page()
        yield from page


async def async_rows(first: Callable[[], Coroutine[Any, Any, AsyncPage[T]]]) -> AsyncIterator[T]:
    """Iterate over all rows like ``rows``, for async callers."""
    seen = FollowedCursors()
    page = await first()
    for row in page:
        yield row
    while page.next_cursor is not None:
        seen.follow(page.next_cursor)
        page = await page.next_page()
        for row in page:
            yield row
