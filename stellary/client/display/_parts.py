"""Parts: what a view is made of, whatever it is drawn on.

A view puts a value into these; ``_html`` draws them for notebooks and ``_lines`` for terminals. None of them holds markup:
all text in them is text, and is made safe by whoever draws it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import attrs

Tone = Literal["plain", "quiet", "strong", "good", "warn", "bad", "info", "accent"]


# ---------------------------------------------------------------------------------------------- within a line


@attrs.frozen
class Span:
    """A text.

    Attributes:
        kind: ``tag`` for a word in a frame, ``mark`` for one that stays on its line, ``code`` for one of fixed width,
            ``person`` for a name.
        hint: What is told to whoever points at it, or cannot see it.
    """

    text: str
    tone: Tone = "plain"
    kind: Literal["text", "tag", "mark", "code", "person"] = "text"
    hint: str | None = None


@attrs.frozen
class Chip:
    """A label: its name, on its colour."""

    text: str
    color: str | None


@attrs.frozen
class Meter:
    """How much of something is done.

    Attributes:
        said: In place of ``3/5``.
    """

    done: int
    total: int
    what: str = "done"
    said: str | None = None

    @property
    def text(self) -> str:
        """What stands beside the bar."""
        return self.said or f"{self.done}/{self.total}"

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


Inline = Span | Chip | Meter
Cell = tuple[Inline, ...]


# ---------------------------------------------------------------------------------------------- parts


@attrs.frozen
class Tile:
    """A card on a board."""

    key: str
    title: str
    priority: Span | None = None
    chips: tuple[Chip, ...] = ()
    foot: Cell = ()
    done: bool = False


@attrs.frozen
class Lane:
    """A column of a board.

    Attributes:
        count: ``3``, or ``3 / 5`` with a limit.
        full: Whether the limit is reached.
        hidden: How many cards are not shown.
    """

    title: str
    count: str
    tiles: tuple[Tile, ...]
    full: bool = False
    hidden: int = 0


@attrs.frozen
class Lanes:
    """Columns beside each other, of one scope."""

    lanes: tuple[Lane, ...]
    title: str | None = None


@attrs.frozen
class Table:
    """Rows.

    Attributes:
        heads: The names of the columns; one that ends with ``#`` holds numbers.
        note: What follows the last row: how many there are that are not shown.
        empty: What is said where there is no row.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str | None = None
    empty: str = "Nothing here."


@attrs.frozen
class Day:
    """A day of a calendar."""

    day: date
    items: tuple[Cell, ...] = ()
    hidden: int = 0


@attrs.frozen
class Month:
    """A month, day by day.

    Attributes:
        today: None if it is in another month.
    """

    title: str
    first: date
    days: tuple[Day, ...]
    today: date | None = None


@attrs.frozen
class Bar:
    """Something that lasts.

    Attributes:
        start, end: On the axis, from 0 to 1; None of what has no dates.
        filled: How much of it is done, from 0 to 1.
        heading: Whether others belong to it.
    """

    label: str
    note: str
    start: float | None
    end: float | None
    tone: Tone = "accent"
    filled: float | None = None
    key: str | None = None
    heading: bool = False


@attrs.frozen
class Timeline:
    """Bars over time.

    Attributes:
        ticks: Where a month or a week begins, from 0 to 1, and its name.
        today: On the axis, from 0 to 1; None if it lies beyond.
    """

    ticks: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]
    today: float | None = None
    note: str | None = None


@attrs.frozen
class Share:
    """One of those among which something is distributed."""

    name: str
    count: int
    color: str | None = None
    tone: Tone = "accent"


@attrs.frozen
class Distribution:
    """How much each has."""

    title: str
    shares: tuple[Share, ...]
    hidden: int = 0


@attrs.frozen
class Counts:
    """A number for each day.

    Attributes:
        summary: The same in words.
    """

    title: str
    days: tuple[tuple[date, int], ...]
    summary: str


@attrs.frozen
class Figure:
    """A number that matters."""

    name: str
    text: str
    hint: str | None = None
    tone: Tone = "plain"


@attrs.frozen
class Figures:
    """Numbers beside each other."""

    figures: tuple[Figure, ...]


@attrs.frozen
class Entry:
    """Something that has happened."""

    at: datetime | None
    kind: Span
    said: Cell


@attrs.frozen
class Log:
    """What has happened, the oldest first.

    Attributes:
        running: Whether more is to come.
        hidden: How many earlier ones are not shown.
    """

    entries: tuple[Entry, ...]
    running: bool = False
    hidden: int = 0


@attrs.frozen
class Facts:
    """Names and what they say."""

    facts: tuple[tuple[str, Cell], ...]


@attrs.frozen
class Prose:
    """A text of several lines."""

    text: str
    tone: Tone = "plain"


@attrs.frozen
class Points:
    """A list.

    Attributes:
        hidden: How many are not shown.
    """

    points: tuple[Cell, ...]
    empty: str | None = None
    hidden: int = 0


@attrs.frozen
class Section:
    """Parts under a heading."""

    title: str
    parts: tuple[Part, ...]
    count: int | None = None


@attrs.frozen
class Grid:
    """Sections beside each other, where there is room."""

    sections: tuple[Section | Distribution | Counts, ...]


Part = (
    Lanes
    | Table
    | Month
    | Timeline
    | Distribution
    | Counts
    | Figures
    | Log
    | Facts
    | Prose
    | Points
    | Section
    | Grid
)
