"""Steps: work of several calls, written once for the blocking and the async client.

Steps are a generator that yields the next call, as a function without arguments, and is sent its result. With
AsyncStellary the calls are awaited on the event loop, and each step runs in a thread if the steps read and write files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import attrs

from stellary.client.calling.short_errors import SHORT_ERRORS

T = TypeVar("T")
Steps = Generator[Callable[[], Any], Any, T]


def run_steps(steps: Steps[T]) -> T:
    """Make the calls of steps one after the other.

    Returns:
        The value that the steps return.
    """
    try:
        call = next(steps)
        while True:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - the steps raise it again
                call = steps.throw(error)
            else:
                call = steps.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


def wrap_call(call: Callable[[], Any]) -> Steps[Any]:
    """Return the steps of a single call."""
    return (yield call)


@attrs.frozen
class _StepResult:
    value: Any


async def run_steps_async(steps: Steps[T], *, in_threads: bool = True) -> T:
    """Make the calls of steps one after the other, awaiting each.

    A cancellation is passed to the steps, which can undo their work before it takes effect.

    Args:
        steps: The steps.
        in_threads: Whether each step runs in a thread, because it may read and write files.

    Returns:
        The value that the steps return.
    """

    async def advance(result: Any, error: BaseException | None = None) -> Any:
        return (
            await _advance_in_thread(steps, result, error) if in_threads else _advance(steps, result, error)
        )

    with SHORT_ERRORS:
        call = await advance(None)
        while not isinstance(call, _StepResult):
            result, error = None, None
            try:
                result = await call()
            except BaseException as failure:  # noqa: BLE001 - the steps raise it again
                error = failure
            call = await advance(result, error)
    value: T = call.value
    return value


async def _advance_in_thread(steps: Steps[Any], result: Any, error: BaseException | None) -> Any:
    import asyncio

    thread = asyncio.ensure_future(asyncio.to_thread(_advance, steps, result, error))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError as cancellation:
        # A thread cannot be interrupted: wait for it, then pass the cancellation to the steps.
        call = await thread
        if isinstance(call, _StepResult):
            return call
        return await asyncio.to_thread(_advance, steps, None, cancellation)


def _advance(steps: Steps[Any], result: Any, error: BaseException | None) -> Any:
    try:
        return steps.send(result) if error is None else steps.throw(error)
    except StopIteration as end:
        return _StepResult(end.value)
