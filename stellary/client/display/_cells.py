"""Cells: how much room texts take in a terminal, and tables that fit into it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import accumulate, takewhile
from typing import Any

Line = list[Any]


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return len(text) if text.isascii() else sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """A text that takes no more than that, with ``…`` where something is missing."""
    if cells(text) <= width:
        return text
    ends = accumulate(_cells(character) for character in text)
    kept = sum(1 for _ in takewhile(lambda end: end < width, ends))
    return text[:kept].rstrip() + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """A text that takes exactly that."""
    found = cut(text, width)
    return found + " " * (width - cells(found))


def table(
    heads: list[Line],
    rows: list[list[Line]],
    numeric: list[bool],
    width: int,
    fit: Callable[[Line, int], Line],
    wide: Callable[[Line], int],
) -> list[Line]:
    """Lines of a table: columns as wide as they must be, the widest made narrower until all of them fit."""
    widths = [max(wide(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    return [_row(row, widths, numeric, fit, wide) for row in [heads, *rows]]


def _row(
    row: list[Line],
    widths: list[int],
    numeric: list[bool],
    fit: Callable[[Line, int], Line],
    wide: Callable[[Line], int],
) -> Line:
    made: Line = []
    for at, found in enumerate(row):
        kept = fit(found, widths[at])
        gap = [(" " * (widths[at] - wide(kept)), "plain")]
        between = [("  ", "plain")] if at else []
        made += [*between, *gap, *kept] if numeric[at] else [*between, *kept, *gap]
    return made
