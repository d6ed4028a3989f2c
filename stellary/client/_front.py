"""The front end: where what is shown by this process is drawn."""

from __future__ import annotations

import sys
from typing import Literal


def in_notebook() -> bool:
    """Whether it is a notebook, which draws HTML: Jupyter and its kin, or marimo."""
    return front_end() is not None


def front_end() -> Literal["jupyter", "marimo"] | None:
    """Return which notebook runs this; None for a terminal."""
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
