"""The width of text in terminal cells, and tables that fit a width."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import accumulate, takewhile
from typing import Any

CellLine = list[Any]


def cell_width(text: str) -> int:
    """Return the number of terminal cells that a text takes."""
    return len(text) if text.isascii() else sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def truncate(text: str, width: int) -> str:
    """Return a text truncated to ``width`` cells, with ``…`` in place of the removed part."""
    if cell_width(text) <= width:
        return text
    ends = accumulate(_character_width(character) for character in text)
    length = sum(1 for _ in takewhile(lambda end: end < width, ends))
    return text[:length].rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """Return a text truncated or padded to exactly ``width`` cells."""
    truncated = truncate(text, width)
    return truncated + " " * (width - cell_width(truncated))


def layout_table(
    heads: list[CellLine],
    rows: list[list[CellLine]],
    numeric: list[bool],
    width: int,
    fit: Callable[[CellLine, int], CellLine],
    wide: Callable[[CellLine], int],
) -> list[CellLine]:
    """Return the lines of a table; the widest columns are narrowed until the table fits ``width``."""
    widths = [max(wide(row[index]) for row in [heads, *rows]) for index in range(len(heads))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    return [_row(row, widths, numeric, fit, wide) for row in [heads, *rows]]


def _row(
    row: list[CellLine],
    widths: list[int],
    numeric: list[bool],
    fit: Callable[[CellLine, int], CellLine],
    wide: Callable[[CellLine], int],
) -> CellLine:
    line: CellLine = []
    for index, content in enumerate(row):
        fitted = fit(content, widths[index])
        gap = [(" " * (widths[index] - wide(fitted)), "plain")]
        between = [("  ", "plain")] if index else []
        line += [*between, *gap, *fitted] if numeric[index] else [*between, *fitted, *gap]
    return line
