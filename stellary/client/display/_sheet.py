"""Sheets: a value as it looks, to be drawn by a notebook, by rich, or as plain text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from stellary.client._front import front_end
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Part

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

TITLE_MAX = 200
PLAIN_WIDTH = 100
"""Of the plain text that is kept in a notebook beside the HTML."""


def _title(text: str | None) -> str:
    return line(text, TITLE_MAX)


@attrs.frozen
class Sheet:
    """How something looks.

    Attributes:
        kind: What it is, in a word or two.
        facts: What stands beside the title.
    """

    kind: str
    title: str = attrs.field(converter=_title)
    parts: tuple[Part, ...] = attrs.field(repr=False)
    facts: Cell = attrs.field(default=(), repr=False)

    def html(self) -> str:
        """One element with its own style: it needs nothing else, and touches nothing else on a page."""
        from stellary.client.display._html import framed

        return framed(self)

    def page(self, theme: str | None = None) -> str:
        """A whole page in HTML, to be written to a file.

        Args:
            theme: ``light`` or ``dark``; that of whoever looks at it if not given.
        """
        from stellary.client.display._html import page

        return page(self, theme)

    def text(self, width: int | None = None) -> str:
        """Plain text.

        Args:
            width: Of a line, in characters; that of the terminal if not given.
        """
        from stellary.client.display._lines import lines

        columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if width is None else width
        told = ("".join(text for text, _ in parts).rstrip() for parts in lines(self, columns))
        return "\n".join(told)

    def bundle(self) -> dict[str, str]:
        """By MIME type, for notebooks."""
        return {"text/html": self.html(), "text/plain": self.text(PLAIN_WIDTH)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.bundle()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        from stellary.client.display._lines import RICH, lines

        for parts in lines(self, options.max_width):
            made = Text(no_wrap=True, overflow="crop", end="\n")
            for text, tone in parts:
                made.append(text, RICH.get(tone, ""))
            yield made

    def __str__(self) -> str:
        return self.text()


class _Output:
    """A sheet in the output of a marimo cell."""

    def __init__(self, sheet: Sheet) -> None:
        import marimo

        marimo.output.append(sheet)

    def update(self, sheet: Sheet) -> None:
        """Show another sheet in place of the last one."""
        import marimo

        marimo.output.replace_at_index(sheet, -1)


def put(sheet: Sheet) -> Any:
    """Show a sheet to whoever runs this: in the notebook, else on the standard output.

    Returns:
        In a notebook what can be asked to ``update`` it; else None.
    """
    import sys

    front = front_end()
    if front == "marimo":
        return _Output(sheet)
    if front == "jupyter":
        from IPython.display import display

        return display(sheet, display_id=True)  # type: ignore[no-untyped-call]
    try:
        from rich.console import Console
    except ImportError:
        sys.stdout.write(f"{sheet.text()}\n")
    else:
        Console().print(sheet)
    return None
