"""Steps: work of several calls, written once for the blocking and the async client.

Steps are a generator that yields the result of an SDK method (for the async client a coroutine) and receives the
response.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from stellary.client.calling.short_errors import SHORT_ERRORS

T = TypeVar("T")
PlanSteps = Generator[Any, Any, T]


def run_blocking(steps: PlanSteps[T]) -> T:
    """Run the steps with the blocking client, whose methods return the response itself."""
    try:
        response = next(steps)
        while True:
            response = steps.send(response)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(steps: PlanSteps[T]) -> T:
    """Run the steps with the asynchronous client; an error is raised at the ``yield`` that caused it."""
    with SHORT_ERRORS:
        try:
            awaitable = next(steps)
            while True:
                try:
                    response = await awaitable
                except Exception as error:  # noqa: BLE001 - the steps decide
                    awaitable = steps.throw(error)
                else:
                    awaitable = steps.send(response)
        except StopIteration as end:
            result: T = end.value
            return result


PAGE_SIZE = 200
"""Rows requested per page."""


def fetch_all(list_method: Any, **filters: Any) -> PlanSteps[list[Any]]:
    """Return all rows of a list endpoint, fetched page by page."""
    page = yield list_method(limit=PAGE_SIZE, **filters)
    rows = list(page)
    while page.has_more:
        page = yield page.next_page()
        rows += page
    return rows
