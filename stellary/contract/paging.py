"""Pages: what every list takes and what it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import attrs

from stellary.contract.limits import Length, Range
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, request

T = TypeVar("T")
LIMIT_MAX = 500


@request
class Paged(Request):
    """What any list takes. Without ``limit`` the answer is complete.

    Attributes:
        limit: 1 to 500 rows; the next page stands in the ``Link`` header of the answer.
        cursor: Where the page starts, as the ``Link`` of the page before named it.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] | Unset = UNSET
    cursor: Annotated[str, Length(1, 200)] | Unset = UNSET


@attrs.frozen
class Listing(Generic[T]):
    """A list, or a page of one; ``next`` is the cursor of the page that follows, None on the last."""

    items: Sequence[T]
    next: str | None = None
