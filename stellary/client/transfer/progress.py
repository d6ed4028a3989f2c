"""The progress of long work, as a bar or as calls of a function."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Self

from stellary.client._environment import in_notebook
from stellary.client.calling.form import ReportProgress

if TYPE_CHECKING:
    from stellary.client.calling.caller import CallResult
    from stellary.client.calling.method import Resource
    from stellary.client.calling.steps import Steps

Progress = bool | ReportProgress
"""True for a bar, which needs the extra ``notebook``; or a function that is called with the amount done and the
total."""


def show_progress(
    progress: Progress | None,
    what: str,
    unit: Literal["B", "card", "change", "project"],
    work: Callable[[ReportProgress | None], Any],
    *,
    awaits: bool,
) -> Any:
    """Do work that reports its progress.

    Args:
        progress: The argument that the caller passed.
        what: The text before the bar.
        unit: The unit of the reported numbers.
        work: Does the work, and is given the function to report to.
        awaits: Whether ``work`` returns an awaitable.

    Returns:
        The result of ``work``.

    Raises:
        ModuleNotFoundError: A bar is requested, and tqdm is not installed; nothing has been done.
    """
    if progress is not True:
        return work(progress or None)
    bar = ProgressBar(what, unit)
    if awaits:
        return _show_progress_async(bar, work)
    with bar:
        return work(bar)


def run_showing_progress(
    handle: Resource[Any],
    steps: Callable[..., Steps[Any]],
    progress: Progress | None,
    what: str,
    unit: Literal["B", "card", "change", "project"],
    *arguments: object,
    **options: object,
) -> CallResult:
    """Run the steps of a handle, blocking or as a coroutine, and show their progress.

    Args:
        handle: The handle.
        steps: Returns the steps for the handle, which report to a callback.
        progress: What the user has passed.
        what: The work, as the bar calls it.
        unit: What the callback counts.
        arguments: Passed to ``steps`` after the handle.
        options: The keywords of ``steps``.
    """

    def work(report: ReportProgress | None) -> Any:
        return handle._run_steps(steps(handle, *arguments, **options, progress=report))

    return show_progress(progress, what, unit, work, awaits=handle._awaits)


async def _show_progress_async(bar: ProgressBar, work: Callable[[ReportProgress | None], Any]) -> Any:
    with bar:
        return await work(bar)


class ProgressBar:
    """A bar of tqdm, which appears with the first report."""

    def __init__(self, what: str, unit: str) -> None:
        scale = {"unit_scale": True, "unit_divisor": 1024} if unit == "B" else {}
        # In a notebook, output to standard error looks like an error.
        file = sys.stdout if in_notebook() else sys.stderr
        self._make = partial(
            _tqdm(), desc=what, unit=unit if unit == "B" else f" {unit}s", file=file, **scale
        )
        self._bar: Any = None
        self._started_at = time.time()

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._make(total=total)
            self._bar.start_t = self._started_at
        # Bytes that are sent again after a failure count once.
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm() -> Any:
    with warnings.catch_warnings():
        # Without ipywidgets tqdm draws a bar of text in a notebook, too; its warning does not help the user.
        warnings.simplefilter("ignore")
        try:
            return import_module("tqdm.auto").tqdm
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'progress=True draws a bar by tqdm: pip install "stellary[notebook]"', name="tqdm"
            ) from error
