"""Steps: work of many calls, written once. It yields what a method of the SDK gives, and gets the answer."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")
Steps = Generator[Any, Any, T]


def done(steps: Steps[T]) -> T:
    """Do the work with methods that block: what they give is the answer already."""
    try:
        answer = next(steps)
        while True:
            answer = steps.send(answer)
    except StopIteration as end:
        found: T = end.value
        return found


async def awaited(steps: Steps[T]) -> T:
    """The same with methods that give what is to be awaited; an error is raised where it was yielded."""
    try:
        later = next(steps)
        while True:
            try:
                answer = await later
            except Exception as error:  # noqa: BLE001 - the work decides
                later = steps.throw(error)
            else:
                later = steps.send(answer)
    except StopIteration as end:
        found: T = end.value
        return found


ROWS = 200
"""Of a page."""


def all_rows(listed: Any, **named: Any) -> Steps[list[Any]]:
    """All rows of a list, by its method, page by page."""
    page = yield listed(limit=ROWS, **named)
    rows = list(page)
    while page.has_more:
        page = yield page.next_page()
        rows += page
    return rows
