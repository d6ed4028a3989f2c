"""Pagination: the parameters and the result of every list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import attrs

from stellary.contract.limits import Length, Range
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request

T = TypeVar("T")
LIMIT_MAX = 500


class Paged(Request):
    """The parameters of every list. Without ``limit``, the list is complete.

    Attributes:
        limit: The maximum number of items in the response, 1 to 500. The ``Link`` header has the next page. Default: no
            limit.
        cursor: The start of the page, from the ``Link`` header of the previous page.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] | Unset = UNSET
    cursor: Annotated[str, Length(1, 200)] | Unset = UNSET


@attrs.frozen
class Listing(Generic[T]):
    """A list, or a page of one. ``next`` is the cursor of the next page; None on the last page."""

    items: Sequence[T]
    next: str | None = None
