"""The front end: whether what runs this draws HTML."""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether it is a kernel, whose front end is a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
