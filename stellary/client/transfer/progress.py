"""Progress: how long work is told to whoever waits for it: by a bar, or to a function, in one way everywhere."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Literal, Self

from stellary.client._environment import in_notebook

Told = Callable[[int, int], object]
"""Is told how much has been done, and how much there is. What is sent again after a failure is told again. With
AsyncStellary it is called in another thread."""
Progress = bool | Told
"""True for a bar, which needs the extra ``notebook``; or what is called with how much is done, and how much there is."""


def told(
    progress: Progress | None,
    what: str,
    unit: Literal["B", "card", "change", "project"],
    work: Callable[[Told | None], Any],
    *,
    awaits: bool,
) -> Any:
    """Do work that tells how far it is.

    Args:
        what: What stands before the bar.
        unit: What is counted.
        work: Is given what to tell; what it returns is to be awaited if it ``awaits``.

    Raises:
        ModuleNotFoundError: A bar is wanted, and nothing is there to draw it; nothing has been done.
    """
    if progress is not True:
        return work(progress or None)
    bar = Bar(what, unit)
    if awaits:
        return _awaited(bar, work)
    with bar:
        return work(bar)


async def _awaited(bar: Bar, work: Callable[[Told | None], Any]) -> Any:
    with bar:
        return await work(bar)


class Bar:
    """A bar of tqdm, which begins with the first that is told."""

    def __init__(self, what: str, unit: str) -> None:
        scale = {"unit_scale": True, "unit_divisor": 1024} if unit == "B" else {}
        # In a notebook what goes to the standard error looks like one.
        file = sys.stdout if in_notebook() else sys.stderr
        self._make = partial(
            _tqdm(), desc=what, unit=unit if unit == "B" else f" {unit}s", file=file, **scale
        )
        self._bar: Any = None
        self._begun = time.time()

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = self._make(total=total)
            self._bar.start_t = self._begun
        # What is sent again after a failure is counted once.
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm() -> Any:
    with warnings.catch_warnings():
        # Without ipywidgets it draws its bar of text in a notebook too, and need not say so.
        warnings.simplefilter("ignore")
        try:
            return import_module("tqdm.auto").tqdm
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'progress=True draws a bar by tqdm: pip install "stellary[notebook]"', name="tqdm"
            ) from error
