"""Reading: a text as sections of lines: headings, list entries with what stands below them, sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import attrs

from stellary.core.wizard.rules.words import folded

LINE_MAX = 2_000
"""Of a line as it is worked on: nobody says one thing in more."""
LINES_MAX = 5_000
"""Of a brief. What comes after so many is not a plan."""
BELOW_MAX = 100

_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
_BULLET = re.compile(
    r"(\s*)(?:[-*+•\u2013\u2014▪◦·]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(?:\[( |x|X)\]\s*)?(\S.*)"
)
_BOLD = re.compile(r"(?:\*\*|__)([^*_]+)(?:\*\*|__):?")
_NUMBERED = re.compile(
    r"(?:phase|stage|step|sprint|milestone|etape|lot|jalon|week|semaine|partie|part|sprint) (?:\d{1,3}|[ivx]{1,5}|[a-e])\b"
)
_LABEL = re.compile(r"([^\W\d_][^:.!?]{1,40}?)\s{0,9}+:\s++(\S.*)")
_MARKS = re.compile(r"\*\*|__|`|\[([^\[\]]{0,200})\]\([^()]{0,300}\)")
# Each run of stops is looked at once, however long.
_STOPS = re.compile(r"(?<![.!?…])[.!?…]++[\"»”')\]]*+\s+")
_RULE = frozenset("=-_*~|: ")
"""What draws a line across a text, or below the head of a table."""
_ABBREVIATED_WORDS = "e.g i.e etc approx dr mr mrs ms no vs p.ex ex env m mme st cf incl ca"
_ABBREVIATED = frozenset(_ABBREVIATED_WORDS.split())


@attrs.define
class Line:
    """A list entry, or a sentence.

    Attributes:
        bullet: Whether it is an entry of a list.
        below: What stands below it in the list.
        label: What stood before a colon at its beginning: ``Budget: 20 k€`` says ``20 k€``.
        done: Whether it was ticked off.
        aside: What stands beside it in a table: ``Owner: Anna, due: 2026-05-15``.
    """

    text: str
    bullet: bool = False
    below: list[str] = attrs.field(factory=list)
    label: str = ""
    done: bool = False
    aside: str = ""


@attrs.define
class Section:
    """A heading and what stands under it up to the next one; the first of a text may have none.

    Attributes:
        level: Of the heading, 1 the highest; 0 if there is none.
        numbered: Whether it is called ``Phase 1``, ``Step 2`` …
        parent: The section that this one is a part of.
    """

    title: str
    level: int
    numbered: bool = False
    parent: Section | None = attrs.field(default=None, repr=False)
    lines: list[Line] = attrs.field(factory=list)


def sections(text: str) -> list[Section]:
    """The sections of a text."""
    reader = _Reader()
    rows = text.split("\n", LINES_MAX)[:LINES_MAX]
    for row, following in zip(rows, [*rows[1:], ""], strict=True):
        reader.take(row.rstrip(), following)
    reader.end_paragraph()
    return reader.made


class _Reader:
    """Reads a text row by row."""

    def __init__(self) -> None:
        self.made = [Section("", 0)]
        self._open: list[Section] = []
        self._paragraph: list[str] = []
        self._indent = 0
        self._fenced = False
        self._heads: list[str] = []

    def take(self, row: str, following: str) -> None:
        said = row.strip()
        if said.startswith(("```", "~~~")):
            self._fenced = not self._fenced
        elif self._fenced:
            # What stands in a fence is no prose.
            return
        elif (heading := _heading(row, following)) is not None:
            self._head(*heading)
        elif not said or set(said) <= _RULE:
            self.end_paragraph()
        elif said.startswith("|"):
            self.end_paragraph()
            self._table_row(
                _cells(row), is_head=following.strip().startswith("|") and set(following.strip()) <= _RULE
            )
        elif (bullet := _BULLET.fullmatch(row)) is not None:
            self.end_paragraph()
            self._entry(len(bullet[1].expandtabs(4)), bullet[2], _plain(bullet[3][:LINE_MAX]))
        elif row[:2].isspace() and not self._paragraph and self._last_entry is not None:
            _continued(self._last_entry, said)
        else:
            if self._paragraph and _LABEL.fullmatch(said[:LINE_MAX]):
                # "Budget: …" begins something new, even without a blank line before it.
                self.end_paragraph()
            self._paragraph.append(said)

    def _table_row(self, cells: list[str], *, is_head: bool) -> None:
        if is_head:
            self._heads = cells
        elif cells and cells[0]:
            heads = self._heads if len(self._heads) >= len(cells) else [""] * len(cells)
            beside = [
                f"{head}: {cell}" if head else cell for head, cell in zip(heads, cells, strict=False) if cell
            ][1:]
            self.made[-1].lines.append(Line(cells[0], bullet=True, aside=", ".join(beside)[:LINE_MAX]))

    @property
    def _last_entry(self) -> Line | None:
        lines = self.made[-1].lines
        return lines[-1] if lines and lines[-1].bullet else None

    def end_paragraph(self) -> None:
        if self._paragraph:
            said = islice(_sentences(" ".join(self._paragraph)), LINES_MAX)
            self.made[-1].lines += map(_labelled, said)
            self._paragraph.clear()

    def _head(self, title: str, level: int) -> None:
        self.end_paragraph()
        while self._open and self._open[-1].level >= level:
            self._open.pop()
        parent = self._open[-1] if self._open else None
        section = Section(title, level, bool(_NUMBERED.match(folded(title))), parent)
        self._open.append(section)
        self.made.append(section)

    def _entry(self, depth: int, ticked: str | None, said: str) -> None:
        last = self._last_entry
        if last is not None and depth > self._indent:
            if len(last.below) < BELOW_MAX:
                last.below.append(said)
        elif said:
            self._indent = depth
            line = _labelled(said)
            line.bullet, line.done = True, ticked in ("x", "X")
            self.made[-1].lines.append(line)


def _continued(line: Line, text: str) -> None:
    said = _plain(text)
    if line.below:
        line.below[-1] = f"{line.below[-1]} {said}"[:LINE_MAX]
    else:
        line.text = f"{line.text} {said}"[:LINE_MAX]


def _heading(row: str, next_row: str) -> tuple[str, int] | None:
    """The title and the level of what is a heading."""
    said = row.strip()
    if len(said) > 120 or not said:
        return None
    if found := _HEADING.fullmatch(said):
        return _plain(found[2].rstrip("# ")).rstrip(":"), len(found[1])
    under = next_row.strip()
    if len(under) >= 3 and set(under) in ({"="}, {"-"}) and not _BULLET.match(row):
        return _plain(said).rstrip(":"), 1 if under[0] == "=" else 2
    if found := _BOLD.fullmatch(said):
        return _plain(found[1]).rstrip(": "), 5
    if _BULLET.match(row):
        return None
    if _NUMBERED.match(folded(said)) and len(said) <= 80 and said[-1] not in ".!?":
        return _plain(said).rstrip(":"), 5
    if said.endswith(":") and len(said.split()) <= 10 and not _STOPS.search(said):
        return _plain(said).rstrip(": "), 6
    letters = [each for each in said if each.isalpha()]
    if len(letters) > 3 and said.isupper() and len(said) <= 80 and said[-1] not in ".!?":
        return said.capitalize().rstrip(": "), 4
    return None


def _cells(row: str) -> list[str]:
    return [_plain(cell[:LINE_MAX]) for cell in row.strip().strip("|").split("|", BELOW_MAX)[:BELOW_MAX]]


def _plain(text: str) -> str:
    """A text without the marks of Markdown."""
    return " ".join(_MARKS.sub(lambda found: found[1] or "", text).split())


def _labelled(text: str) -> Line:
    """A line whose label stands apart: up to four words before a colon."""
    found = _LABEL.fullmatch(text)
    if found and len(found[1].split()) <= 4 and "//" not in found[1] + found[2][:2]:
        return Line(found[2].strip(), label=found[1].strip())
    return Line(text)


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for found in _STOPS.finditer(text):
        before = (
            text[max(start, text.rfind(" ", start, found.start()) + 1) : found.start()].lower().strip("(")
        )
        following = text[found.end() : found.end() + 1]
        if (
            before in _ABBREVIATED
            or (len(before) == 1 and before.isalpha() and before != "i")
            or following.islower()
        ):
            continue
        if said := _plain(text[start : found.end()][:LINE_MAX]):
            yield said
        start = found.end()
    if said := _plain(text[start:][:LINE_MAX]):
        yield said


def all_lines(made: Sequence[Section]) -> Iterator[tuple[Section, Line]]:
    """Each line with its section."""
    for section in made:
        for line in section.lines:
            yield section, line
