"""Display of values in notebooks, and in terminals with rich.

The contract does not know how to draw values. A renderer registers here, as the client does when it is imported;
without one, a value shows its repr.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class RenderedValue(Protocol):
    """A rendered value."""

    def bundle(self) -> dict[str, str]:
        """Return the representations by MIME type, for notebooks: ``text/html`` and ``text/plain``."""


Renderer = Callable[[Any], RenderedValue]

_renderers: list[Renderer] = []


def register_renderer(renderer: Renderer) -> None:
    """Use this renderer for all values from now on."""
    _renderers[:] = [renderer]


class Displayable:
    """The base class of values that a renderer can display."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str] | None:
        """Return the representations for notebooks; None without a renderer, so that the repr is shown."""
        return _renderers[0](self).bundle() if _renderers else None

    def __rich__(self) -> Any:
        """Return a renderable for rich, which would take a plain string for markup."""
        if _renderers:
            return _renderers[0](self)
        from rich.text import Text

        return Text(repr(self))
