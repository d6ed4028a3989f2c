"""The parts of a view, independent of the medium, and the names of objects that values refer to by id.

A view consists of these; ``_html`` draws them for notebooks and ``_lines`` for terminals. They hold no markup: all strings are
text, which the drawing functions escape.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from operator import add
from typing import Any, Literal

import attrs

from stellary.client.display._markup import line

TITLE_MAX = 200

Tone = Literal["plain", "quiet", "strong", "good", "warn", "bad", "info", "accent"]


# ---------------------------------------------------------------------------------------------- within a line


@attrs.frozen
class Span:
    """A piece of text.

    Attributes:
        kind: ``tag`` for a word in a frame, ``mark`` for text that does not wrap, ``code`` for a fixed-width font, ``person``
            for the name of a person.
        hint: The tooltip.
        url: The address that the text leads to.
    """

    text: str
    tone: Tone = "plain"
    kind: Literal["text", "tag", "mark", "code", "person"] = "text"
    hint: str | None = None
    url: str | None = None


@attrs.frozen
class Chip:
    """A label with its colour."""

    text: str
    color: str | None


@attrs.frozen
class Meter:
    """A progress bar with a caption.

    Attributes:
        unit: The counted items, for the tooltip.
        caption: The text beside the bar; ``3/5`` by default.
    """

    done: int
    total: int
    unit: str = "done"
    caption: str | None = None

    @property
    def text(self) -> str:
        """The text beside the bar."""
        return self.caption or f"{self.done}/{self.total}"

    @property
    def share(self) -> float:
        """The completed share, from 0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


InlinePart = Span | Chip | Meter
Cell = tuple[InlinePart, ...]


def to_cell(part: InlinePart | None) -> Cell:
    """Return a cell with one part; an empty one for None."""
    return () if part is None else (part,)


# ---------------------------------------------------------------------------------------------- parts


@attrs.frozen
class Part:
    """The base class of the parts of a view."""


@attrs.frozen
class Tile:
    """A card on a board.

    Attributes:
        url: The address of the card.
    """

    key: str
    title: str
    priority: Span | None = None
    chips: tuple[Chip, ...] = ()
    foot: Cell = ()
    done: bool = False
    url: str | None = None


@attrs.frozen
class Lane:
    """A column of a board.

    Attributes:
        count: The number of cards, ``3``, or ``3 / 5`` with a limit.
        full: Whether the limit is reached.
        hidden: The number of cards that are not shown.
    """

    title: str
    count: str
    tiles: tuple[Tile, ...]
    full: bool = False
    hidden: int = 0


@attrs.frozen
class Lanes(Part):
    """The columns of one scope, side by side."""

    lanes: tuple[Lane, ...]
    title: str | None = None


@attrs.frozen
class Table(Part):
    """A table.

    Attributes:
        heads: The names of the columns; a name that ends with ``#`` marks a column of numbers.
        note: The text below the last row, about rows that are not shown.
        empty: The text in place of the table if it has no rows.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str | None = None
    empty: str = "Nothing here."


@attrs.frozen
class DayCell:
    """A day of a calendar."""

    day: date
    items: tuple[Cell, ...] = ()
    hidden: int = 0


@attrs.frozen
class Month(Part):
    """A month of a calendar.

    Attributes:
        today: The current date; None if it is in another month.
    """

    title: str
    first: date
    days: tuple[DayCell, ...]
    today: date | None = None


@attrs.frozen
class Bar:
    """A bar on a timeline.

    Attributes:
        start, end: The positions on the axis, from 0 to 1; None without dates.
        filled: The completed share, from 0 to 1.
        heading: Whether the bar stands for a group, whose bars follow.
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
class Timeline(Part):
    """Bars over time.

    Attributes:
        ticks: The positions on the axis, from 0 to 1, and their labels.
        today: The position of the current date on the axis, from 0 to 1; None if it is outside.
    """

    ticks: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]
    today: float | None = None
    note: str | None = None


@attrs.frozen
class Share:
    """One part of a distribution."""

    name: str
    count: int
    color: str | None = None
    tone: Tone = "accent"


@attrs.frozen
class Distribution(Part):
    """Counts by name, as horizontal bars."""

    title: str
    shares: tuple[Share, ...]
    hidden: int = 0


@attrs.frozen
class Counts(Part):
    """A count per day, as vertical bars.

    Attributes:
        summary: The same information in words.
    """

    title: str
    days: tuple[tuple[date, int], ...]
    summary: str


@attrs.frozen
class Areas(Part):
    """Amounts per day, as areas one above the other.

    Attributes:
        series: The name and the amounts of each area, the lowest one first.
        summary: The same information in words.
    """

    title: str
    days: tuple[date, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]
    summary: str

    def stack(self) -> tuple[list[tuple[float, ...]], float]:
        """Return the upper edge of each area, and the highest amount of a day; 1 without any."""
        tops = [(0.0,) * len(self.days)]
        for _, amounts in self.series:
            tops.append(tuple(map(add, tops[-1], amounts)))
        return tops[1:], max(tops[-1], default=0) or 1


AREA_TONES: tuple[Tone, ...] = ("good", "info", "warn", "accent", "bad", "quiet")
"""The tones of areas, in turn."""


@attrs.frozen
class Figure:
    """A number with its name."""

    name: str
    text: str
    hint: str | None = None
    tone: Tone = "plain"


@attrs.frozen
class Figures(Part):
    """Numbers side by side."""

    figures: tuple[Figure, ...]


@attrs.frozen
class LogLine:
    """An entry of a log."""

    at: datetime | None
    kind: Span
    details: Cell


@attrs.frozen
class LogPart(Part):
    """The entries of a log, oldest first.

    Attributes:
        running: Whether more entries are expected.
        hidden: The number of earlier entries that are not shown.
    """

    entries: tuple[LogLine, ...]
    running: bool = False
    hidden: int = 0


@attrs.frozen
class FactList(Part):
    """Names with their contents."""

    facts: tuple[tuple[str, Cell], ...]


@attrs.frozen
class Prose(Part):
    """A text of one or more paragraphs."""

    text: str
    tone: Tone = "plain"


@attrs.frozen
class Points(Part):
    """A bulleted list.

    Attributes:
        empty: The text in place of an empty list.
        hidden: The number of items that are not shown.
    """

    points: tuple[Cell, ...]
    empty: str | None = None
    hidden: int = 0


@attrs.frozen
class Section(Part):
    """Parts under a heading."""

    title: str
    parts: tuple[Part, ...]
    count: int | None = None


def list_section(
    title: str, items: Iterable[Cell], *, counted: bool = True, most: int | None = None
) -> list[Section]:
    """Return a section with a list; an empty list without any items.

    Args:
        title: The heading.
        items: The items.
        counted: Whether their number stands beside the heading.
        most: The number of items that are shown; None for all.
    """
    points = tuple(items)
    part = Points(points[:most], hidden=len(points) - len(points[:most]))
    return [Section(title, (part,), len(points) if counted else None)] if points else []


@attrs.frozen
class Grid(Part):
    """Sections side by side, where there is room."""

    sections: tuple[Section | Distribution | Counts, ...]


# ---------------------------------------------------------------------------------------------- the whole


def _to_title(text: str | None) -> str:
    return line(text, TITLE_MAX)


@attrs.frozen
class ViewContent:
    """The content of a view.

    Attributes:
        kind: The kind of view, in a word or two.
        title: The title.
        parts: The parts below the title.
        facts: The text beside the title.
    """

    kind: str
    title: str = attrs.field(converter=_to_title)
    parts: tuple[Part, ...] = attrs.field(repr=False)
    facts: Cell = attrs.field(default=(), repr=False)


@attrs.frozen
class RenderOptions:
    """The reference time and size limit of a view.

    Attributes:
        now: The reference time: cards due before it are late. By default the current time.
        most: The maximum number of cards per column and rows per table; None uses the default of each part.
        card_url: The beginning of the address of each card, which its key follows; None for cards without an address.
    """

    now: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    most: int | None = None
    card_url: str | None = None

    def find_url(self, key: str | None) -> str | None:
        """Return the address of a card."""
        return f"{self.card_url}{key}" if self.card_url is not None and key else None

    def limit(self, default: int) -> int:
        """Return the number of items to show: ``most`` if it was set, else the default of the view."""
        return default if self.most is None else self.most


@attrs.frozen
class Names:
    """The display names of labels, members, columns and custom fields, by id."""

    labels: dict[str, Chip] = attrs.field(factory=dict)
    people: dict[str, str] = attrs.field(factory=dict)
    columns: dict[str, str] = attrs.field(factory=dict)
    fields: dict[str, Any] = attrs.field(factory=dict)

    def chips(self, ids: Iterable[str] | None) -> tuple[Chip, ...]:
        """Return the labels with these ids, without unknown ones."""
        return tuple(self.labels[label_id] for label_id in ids or () if label_id in self.labels)

    def replace_ids(self, ids: Any) -> str:
        """Return the names of labels, people or columns in place of one id or of several."""
        names = {id: chip.text for id, chip in self.labels.items()} | self.people | self.columns
        return ", ".join(names.get(id, id) for id in ([ids] if isinstance(ids, str) else ids or ()))

    def person(self, id: str | None) -> Span | None:
        """Return the name of a member; None without an id, or if the member is unknown."""
        name = None if id is None else self.people.get(id)
        return None if name is None else Span(name, kind="person")


def collect_names(
    labels: Iterable[Any] = (),
    people: Iterable[Any] = (),
    columns: Iterable[Any] = (),
    fields: Iterable[Any] = (),
) -> Names:
    """Return the display names of labels, members, columns and custom fields."""
    return Names(
        labels={label.id: Chip(label.name or "", label.color) for label in labels},
        people={member.user_id: member.name or member.email or "" for member in people},
        columns={column.id: column.name or "" for column in columns},
        fields={field.id: field for field in fields},
    )
