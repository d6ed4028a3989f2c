"""How values show themselves where somebody looks at them: in a notebook, or in a terminal by rich.

The contract knows what values say, and nobody else's way to draw them. Who can draw registers here, as the client does
when it is loaded; until then a value has its repr, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Picture(Protocol):
    """What a value looks like."""

    def bundle(self) -> dict[str, str]:
        """By MIME type, for notebooks: ``text/html`` and ``text/plain``."""


Presenter = Callable[[Any], Picture]

_presenters: list[Presenter] = []


def present_by(presenter: Presenter) -> None:
    """Let that draw all values from now on."""
    _presenters[:] = [presenter]


class Shown:
    """The base of what shows itself."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str] | None:
        """For notebooks; None where nobody draws, which means the repr."""
        return _presenters[0](self).bundle() if _presenters else None

    def __rich__(self) -> Any:
        """For rich, which takes a plain string for markup of its own."""
        if _presenters:
            return _presenters[0](self)
        from rich.text import Text

        return Text(repr(self))
