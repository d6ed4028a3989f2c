"""Pages: the results of list methods, each with the cursor of the next page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stellary.client.calling.short_errors import SHORT_ERRORS
from stellary.client.errors import EndlessPages
from stellary.contract.rendering import Displayable

if TYPE_CHECKING:
    from stellary.client.calling.call import CallPlan
    from stellary.client.calling.frames import Backend, Frame

    ListOrigin = tuple[Any, CallPlan, Mapping[str, str]]

T = TypeVar("T")
DEFAULT_LIMIT = 200
"""Rows per page of ``iterate`` if no ``limit`` is passed."""


class _BasePage(list[T], Displayable):
    """A list of rows, and the cursor of the next page.

    Args:
        rows: The rows of the page.
        next_cursor: The cursor of the next page; None on the last page, and for a complete list.
        follow: Loads the page at a cursor.
        origin: The caller, the plan and the parameters of the path that loaded the page; None for a page without a frame.
    """

    next_page: Callable[[], Any]

    def __init__(
        self,
        rows: Iterable[T] = (),
        next_cursor: str | None = None,
        follow: Callable[[str], Any] | None = None,
        origin: ListOrigin | None = None,
    ) -> None:
        super().__init__(rows)
        self.next_cursor, self._follow, self._origin = next_cursor, follow, origin

    @property
    def has_more(self) -> bool:
        """True if there is a next page."""
        return self.next_cursor is not None

    def __reduce__(self) -> tuple[type[list[T]], tuple[list[T]]]:
        # A copy is a plain list, because the page holds the client and so its token.
        return list, (list(self),)


class Page(_BasePage[T]):
    """A page of a list: its rows, and a method that loads the next page."""

    def next_page(self) -> Page[T]:
        """Return the next page with rows; after the last one an empty page, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return Page()
        with SHORT_ERRORS:
            following: Page[T] = self._follow(self.next_cursor)
        return following

    def frame(self, *, backend: Backend | None = None) -> Frame:
        """Return the rows of this page as a frame, with a column for each field, and names beside ids.

        Args:
            backend: ``pandas`` or ``polars``. Default: the one that is installed, pandas first.

        Raises:
            ModuleNotFoundError: narwhals or the backend is not installed.
        """
        from stellary.client.calling.frames import make_frame
        from stellary.client.calling.steps import run_steps

        return run_steps(make_frame(self, backend))


class AsyncPage(_BasePage[T]):
    """A page of a list, for async callers."""

    async def next_page(self) -> AsyncPage[T]:
        """Return the next page with rows; after the last one an empty page, so that ``while page:`` ends."""
        if self.next_cursor is None or self._follow is None:
            return AsyncPage()
        with SHORT_ERRORS:
            following: AsyncPage[T] = await self._follow(self.next_cursor)
        return following

    async def frame(self, *, backend: Backend | None = None) -> Frame:
        """Return the rows of this page as a frame, with a column for each field, and names beside ids.

        Args:
            backend: ``pandas`` or ``polars``. Default: the one that is installed, pandas first.

        Raises:
            ModuleNotFoundError: narwhals or the backend is not installed.
        """
        from stellary.client.calling.frames import make_frame
        from stellary.client.calling.steps import run_steps_async

        return await run_steps_async(make_frame(self, backend))


def follow_cursor(followed: set[str], cursor: str) -> None:
    """Add a cursor to those that an iteration has followed.

    Args:
        followed: The cursors.
        cursor: The cursor of the next page.

    Raises:
        EndlessPages: It has been followed before.
    """
    if cursor in followed:
        raise EndlessPages("the list leads to a page that has been read before")
    followed.add(cursor)


class _BaseRows(Generic[T]):
    """The rows of all pages, each loaded when it is needed. After an error, the next step loads the same page again.

    Args:
        first: Loads the first page.
    """

    def __init__(self, first: Callable[[], Any]) -> None:
        self._load = first
        self._page: _BasePage[T] | None = None
        self._rows: Iterator[T] = iter(())
        self._seen: set[str] = set()

    def _prepare_load(self) -> Callable[[], Any] | None:
        """Return the function that loads the next page; None after the last one.

        Raises:
            EndlessPages: The page links to a page that has been read before.
        """
        if self._page is not None:
            if self._page.next_cursor is None:
                return None
            follow_cursor(self._seen, self._page.next_cursor)
            self._load, self._page = self._page.next_page, None
        return self._load

    def _add(self, page: _BasePage[T]) -> None:
        self._page, self._rows = page, iter(page)


class Rows(_BaseRows[T], Iterator[T]):
    """The iterator of ``iterate``."""

    def __next__(self) -> T:
        while True:
            for row in self._rows:
                return row
            with SHORT_ERRORS:
                load = self._prepare_load()
                if load is None:
                    raise StopIteration
                self._add(load())


class AsyncRows(_BaseRows[T], AsyncIterator[T]):
    """The iterator of ``iterate``, for async callers."""

    async def __anext__(self) -> T:
        while True:
            for row in self._rows:
                return row
            with SHORT_ERRORS:
                load = self._prepare_load()
                if load is None:
                    raise StopAsyncIteration
                self._add(await load())
