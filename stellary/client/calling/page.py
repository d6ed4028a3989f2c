"""Pages: a list answer is a list that knows where it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from stellary.client.errors import EndlessPages
from stellary.contract.rendering import Displayable

T = TypeVar("T")
DEFAULT_LIMIT = 200
"""Rows a page of ``iterate`` where no limit is named."""


class _Listed(list[T], Displayable):
    """A list of rows, and the cursor of those that follow.

    Attributes:
        next_cursor: None on the last page, and on a list that is complete.
    """

    next_cursor: str | None = None
    _follow: Callable[[str], Any] | None = None

    @property
    def has_more(self) -> bool:
        """Whether a page follows."""
        return self.next_cursor is not None

    def __reduce__(self) -> tuple[type[list[T]], tuple[list[T]]]:
        # A copy is a plain list: what leads to the next page holds the client, and so its token.
        return list, (list(self),)


class Page(_Listed[T]):
    """A list answer: a list of rows that knows the page after it."""

    def next_page(self) -> Page[T]:
        """The page that follows; an empty one after the last, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return Page()
        following: Page[T] = self._follow(self.next_cursor)
        return following


class AsyncPage(_Listed[T]):
    """The same for callers that await."""

    async def next_page(self) -> AsyncPage[T]:
        """The page that follows; an empty one after the last, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return AsyncPage()
        following: AsyncPage[T] = await self._follow(self.next_cursor)
        return following


def page(kind: type[Any], rows: list[Any], cursor: str | None, follow: Callable[[str], Any]) -> Any:
    """A page of that kind."""
    made = kind(rows)
    if cursor is not None:
        made.next_cursor = cursor
        made._follow = follow  # noqa: SLF001 - of this module
    return made


class _Seen:
    """The cursors that an iteration has followed."""

    def __init__(self) -> None:
        self._cursors: set[str] = set()

    def follow(self, cursor: str) -> None:
        if cursor in self._cursors:
            raise EndlessPages("the list leads to a page that has been read before")
        self._cursors.add(cursor)


def rows(first: Callable[[], Page[T]]) -> Iterator[T]:
    """All rows from that page on, page by page.

    Raises:
        EndlessPages: A page leads to one that has been read.
    """
    seen = _Seen()
    page = first()
    yield from page
    while page.next_cursor is not None:
        seen.follow(page.next_cursor)
        page = page.next_page()
        yield from page


async def async_rows(first: Callable[[], Coroutine[Any, Any, AsyncPage[T]]]) -> AsyncIterator[T]:
    """The same, awaiting."""
    seen = _Seen()
    page = await first()
    for row in page:
        yield row
    while page.next_cursor is not None:
        seen.follow(page.next_cursor)
        page = await page.next_page()
        for row in page:
            yield row
