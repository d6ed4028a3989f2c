"""The environment in which the program runs: a notebook or a terminal."""

from __future__ import annotations

import sys
from typing import Literal


def in_notebook() -> bool:
    """Return whether the program runs in a notebook, which renders HTML."""
    return notebook_kind() is not None


def notebook_kind() -> Literal["jupyter", "marimo"] | None:
    """Return the kind of notebook; None for a terminal."""
    if "marimo" in sys.modules:
        import marimo

        if marimo.running_in_notebook():
            return "marimo"
    if "IPython" in sys.modules:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            return "jupyter"
    return None
