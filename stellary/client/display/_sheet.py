"""Views: values prepared for display in a notebook, by rich, or as plain text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from stellary.client._environment import notebook_kind
from stellary.client.display._html import render_page, render_view
from stellary.client.display._lines import RICH, render_lines
from stellary.client.display._parts import ViewContent

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

PLAIN_WIDTH = 100
"""The width of the plain text that a notebook stores beside the HTML."""


@attrs.frozen
class View(ViewContent):
    """A value prepared for display, which can be rendered as HTML or text."""

    def html(self, *, level: int = 3) -> str:
        """Return one self-contained HTML element with its own style, which does not affect the rest of a page.

        Args:
            level: The level of its title; headings inside it are one lower. Default: 3.
        """
        return render_view(self, level)

    def page(self, theme: str | None = None) -> str:
        """Return a complete HTML page, to be written to a file.

        Args:
            theme: ``light`` or ``dark``; by default the theme of the reader's system.
        """
        return render_page(self, theme)

    def text(self, width: int | None = None) -> str:
        """Return plain text.

        Args:
            width: The width of a line in characters; by default that of the terminal.
        """
        columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if width is None else width
        rendered = ("".join(text for text, _ in parts).rstrip() for parts in render_lines(self, columns))
        return "\n".join(rendered)

    def bundle(self) -> dict[str, str]:
        """Return the HTML and the plain text by MIME type, for notebooks."""
        return {"text/html": self.html(), "text/plain": self.text(PLAIN_WIDTH)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.bundle()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        for parts in render_lines(self, options.max_width):
            line = Text(no_wrap=True, overflow="crop", end="\n")
            for text, tone in parts:
                line.append(text, RICH.get(tone, ""))
            yield line

    def __str__(self) -> str:
        return self.text()


class _Output:
    """A view in the output of a marimo cell."""

    def __init__(self, view: View) -> None:
        import marimo

        marimo.output.append(view)

    def update(self, view: View) -> None:
        """Replace the view."""
        import marimo

        marimo.output.replace_at_index(view, -1)


def put(view: View) -> Any:
    """Show a view in the notebook, or else on standard output.

    Returns:
        In a notebook, an object with an ``update`` method that replaces the view; None otherwise.
    """
    import sys

    notebook = notebook_kind()
    if notebook == "marimo":
        return _Output(view)
    if notebook == "jupyter":
        from IPython.display import display

        return display(view, display_id=True)  # type: ignore[no-untyped-call]
    try:
        from rich.console import Console
    except ImportError:
        sys.stdout.write(f"{view.text()}\n")
    else:
        Console().print(view)
    return None
