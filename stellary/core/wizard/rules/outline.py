"""The outline of a text: headings, list items and rows of tables with the content below each, from Markdown or plain lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING

import attrs

from stellary.core.wizard.rules import vocabulary
from stellary.core.wizard.rules.vocabulary import (
    DASHES,
    HEADING_MAX,
    LABEL_WORDS,
    LEAD_WORDS,
    find_column,
    find_marker,
    find_role,
    split_label,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

INLINE_MAX = 1_000
"""The maximum length of a block in which marks are read, in characters."""
_BULLET = re.compile(r"^([ \t]*)[\u2022\u25e6\u2023\u25cf\u25aa]\s*")
_MARKS = frozenset("*_`[<\\!&")
BOLD, _LABEL, PHASE, ITEM = 7, 8, 9, 10
"""Levels below all headings: bold lines, lines with a colon before a list, phases of tables, and list items."""
_BOX = re.compile(r"(\[[ xX]?\]|[☐☑✅])(?=.*\S)")


_PLAN_COLUMNS = frozenset(("phase", "priority", "status", "depends", "duration", "due", "owner", "start"))


class Cells:
    """The cells of a row by the meanings of their columns; a missing one is empty.

    Args:
        header: The names of the columns.
        row: The texts of the cells.
    """

    def __init__(self, header: Sequence[str], row: Sequence[str]) -> None:
        self._columns = [
            (find_column(name), name, "" if cell.strip(f" {DASHES}") == "" else cell)
            for name, cell in zip(header, row, strict=False)
        ]
        columns = [column for column, _, _ in self._columns]
        self.work = self["work" if "work" in columns else "role"]
        self.is_plan = not _PLAN_COLUMNS.isdisjoint(columns)
        self.is_done = vocabulary.is_done(self["status"])

    def __getitem__(self, meaning: str) -> str:
        _, header, cell = next((item for item in self._columns if item[0] == meaning and item[2]), ("",) * 3)
        # The unit may be in the header: ``Duration (days)``.
        units = [word for word in vocabulary.split_words(header) if word in vocabulary.word_numbers("units")]
        return f"{cell} {units[0]}" if cell.isdecimal() and units else cell

    @property
    def name(self) -> str:
        """The first cell that is neither an id nor a property."""
        return next((cell for column, _, cell in self._columns if column not in ("id", "other") and cell), "")

    def describe(self) -> str:
        """Return the cells beside the work as lines with their headers."""
        handled = {"phase", "priority", "status", "work"}
        return "\n".join(
            f"{header}: {cell}"
            for column, header, cell in self._columns
            if cell and cell != self.work and column not in handled
        )


@attrs.define(eq=False)
class OutlineNode:
    """A heading, a list item or a row of a table, with the content below it.

    Attributes:
        text: Empty for the text before the first heading.
        level: 0 for the whole text, 1 to 6 for headings, more for the other kinds.
        names: The names in tables that list no work.
        cells: The cells of a row by the meanings of their columns.
        role: The meaning of the heading; that of the surrounding one if it has none itself.
        is_task: Whether it has a box to tick.
        is_title: Whether it is a whole text or its title, whose items belong to no other section.
        name: The name of the section around it, or of the text.
    """

    text: str
    level: int = ITEM
    prose: list[str] = attrs.field(factory=list)
    items: list[OutlineNode] = attrs.field(factory=list)
    sections: list[OutlineNode] = attrs.field(factory=list)
    names: list[str] = attrs.field(factory=list)
    cells: Cells | None = None
    is_done: bool = False
    is_task: bool = False
    is_numbered: bool = False
    is_title: bool = False
    name: str = ""
    own_role: str | None = None
    role: str | None = None
    parent: OutlineNode | None = None


@cache
def _parser(*, has_inlines: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable("table")
    if not has_inlines:
        parser.core.ruler.disable(["inline", "text_join"])
    return parser


def read_outline(text: str) -> OutlineNode:
    """Return the outline of a text. Code, quotations and HTML are left out."""
    from markdown_it.tree import SyntaxTreeNode

    if text.startswith("---\n"):
        text = text[4:].partition("\n---\n")[2] or text
    lines = [*_separate(text.split("\n"))]
    tokens = _parser(has_inlines=False).parse("\n".join(lines))
    return _Builder().build(SyntaxTreeNode(tokens).children, lines)


def _separate(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, with an empty line before each line that begins a section."""
    before = ""
    lines = [_BULLET.sub(r"\1- ", line) for line in lines]
    for line in lines:
        text = line.strip()
        is_start = before and text and line[0] not in " \t-+|" and len(text) <= HEADING_MAX
        if is_start and (line[:2] == "**" or (text[-1] == ":" and text[0] != "*") or find_marker(text)):
            yield ""
        yield line
        before = text


def plain_text(content: str) -> str:
    """Return the content of a block without its marks: emphasis, links, code and tags."""
    head = content[:INLINE_MAX]
    if _MARKS.isdisjoint(head):
        return content
    parts: list[str] = []
    for token in _parser(has_inlines=True).parseInline(head)[0].children or ():
        if token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "html_inline" and token.content.lower().startswith("<br"):
            parts.append("; ")
    return "".join(parts) + content[INLINE_MAX:]


class _Builder:
    """A pass over the blocks of a text."""

    def __init__(self) -> None:
        self._open = [OutlineNode("", 0)]

    def build(self, blocks: Sequence[SyntaxTreeNode], lines: Sequence[str]) -> OutlineNode:
        for block, following in zip_longest(blocks, blocks[1:]):
            if block.type == "heading":
                self._start(plain_text(_read_source(block)), int(block.tag[1]))
            elif block.type == "paragraph":
                is_before_list = following is not None and following.type.endswith("_list")
                self._add_paragraph(_read_source(block).split("\n"), is_before_list=is_before_list)
            elif block.type.endswith("_list"):
                items = self._open[-1].items
                # Bullets below a number that are indented too little for Markdown belong to it nevertheless.
                is_below = items and items[-1].is_numbered and block.map and lines[block.map[0]][:1] == " "
                (items[-1].items if is_below and block.type == "bullet_list" else items).extend(
                    _read_list(block)
                )
            elif block.type == "table":
                _add_table(self._open[-1], block)
        return self._open[0]

    def _start(self, title: str, level: int) -> None:
        while self._open[-1].level >= level:
            self._open.pop()
        section = OutlineNode(" ".join(title.split()), level)
        self._open[-1].sections.append(section)
        self._open.append(section)

    def _add_paragraph(self, lines: Sequence[str], *, is_before_list: bool) -> None:
        if self._open[-1].level == _LABEL and self._open[-1].items:
            self._open.pop()
        is_continued = False
        for place, raw in enumerate(lines, 1):
            text = plain_text(raw).strip()
            level = _find_level(raw.strip(), text, is_before_list=is_before_list and place == len(lines))
            label = split_label(text)
            if level:
                self._start(text.rstrip(" :"), level)
            elif is_continued and not (label and (raw.lstrip().startswith("*") or find_role(label[0]))):
                self._open[-1].prose[-1] += f" {text}"
            elif text:
                self._open[-1].prose.append(text)
            is_continued = bool(text and not level)


def _find_level(raw: str, text: str, *, is_before_list: bool) -> int:
    """Return the level of a line of a paragraph that is a heading; 0 for any other line."""
    if len(text) > 100 or not text.strip(" :*"):
        return 0
    is_bold = raw[:2] in ("**", "__") and raw.rstrip(":")[-2:] == raw[:2] and raw.count(raw[:2]) == 2
    # A bold line with a value, such as "Deadline: 5 May", heads no list.
    if (is_bold and not all(vocabulary.find_label(text))) or find_marker(text) is not None:
        return BOLD
    is_title = text[-1].isalnum() and ":" not in text and len(text.split()) <= LABEL_WORDS
    is_lead = text.endswith(":") and (len(text.split()) <= LEAD_WORDS or find_role(text) is not None)
    return _LABEL if is_before_list and (is_lead or is_title) else 0


def _read_source(block: SyntaxTreeNode) -> str:
    return block.children[0].content if block.children else ""


def _read_line(block: SyntaxTreeNode) -> str:
    return " ".join(plain_text(_read_source(block)).split())


def _read_list(block: SyntaxTreeNode) -> list[OutlineNode]:
    items = []
    for entry in block.children:
        item = OutlineNode("", is_numbered=block.type == "ordered_list")
        for part in entry.children:
            if part.type.endswith("_list"):
                item.items += _read_list(part)
            elif part.type in ("paragraph", "heading"):
                item.prose.append(_read_line(part))
        if item.prose:
            text = item.prose.pop(0)
            item.text, item.is_done = _read_box(text)
            item.is_task = text.startswith("[ ]")
            item.is_numbered |= item.text[:1].isdigit() and item.text != vocabulary.strip_numbering(item.text)
            items.append(item)
    return items


def _read_box(text: str) -> tuple[str, bool]:
    """Return the text of an item without its box or picture, and whether it is ticked or struck out."""
    is_done = text.startswith("~~") and text.endswith("~~") and len(text) > 4
    if box := _BOX.match(text):
        is_done, text = box[1] in ("[x]", "[X]", "☑", "✅"), text[box.end() :]
    pictures = ("So", "Zs", "Mn", "Cf")
    start = next((place for place, sign in enumerate(text) if unicodedata.category(sign) not in pictures), 0)
    return text[start:].strip("~") if is_done else text[start:] or text, is_done


def _add_table(section: OutlineNode, table: SyntaxTreeNode) -> None:
    """Add the rows of a table: as phases if a column names them, as items if one names work, else their names only."""
    header, *rows = [
        [_read_line(cell) for cell in row.children] for part in table.children for row in part.children
    ]
    place, name = _find_phase_column(header), ""
    phases: dict[str, OutlineNode] = {}
    for row in rows:
        cells = Cells(header, row)
        items = [
            OutlineNode(entry, prose=[cells.describe()], cells=cells, is_done=cells.is_done)
            for entry in split_entries(cells.work)
        ]
        if place is not None:
            # An empty cell continues the phase above.
            name = f"{header[place]} {row[place]}" if row[place].isdecimal() else row[place] or name
            phase = phases.setdefault(
                name, OutlineNode(name, PHASE, cells=cells, is_done=cells.is_done and not items)
            )
            phase.items += items
        elif _is_work_table(header):
            section.items += items
        else:
            section.names += [cells.name]
    section.sections += [phase for phase in phases.values() if phase.text]


def _find_phase_column(header: Sequence[str]) -> int | None:
    """Return the index of the column that names phases. One with names goes before one with weeks or quarters."""
    places = [place for place, name in enumerate(header) if find_column(name) == "phase"]
    periods = vocabulary.word_set("periods")
    return min(places, key=lambda place: vocabulary.fold(header[place]) in periods, default=None)


def _is_work_table(header: Sequence[str]) -> bool:
    """Return whether a column names work, and the table is not a list of costs, hours or properties."""
    columns = {find_column(name) for name in header}
    if "other" not in columns and "role" in columns:
        return bool(columns & _PLAN_COLUMNS)
    return "work" in columns and ("other" not in columns or bool(columns & _PLAN_COLUMNS))


def split_entries(text: str) -> list[str]:
    """Return the entries of a list in one line: separated by semicolons, or by commas if all entries are short."""
    separator = "; " if ";" in text else ", "
    groups: list[list[str]] = []
    open_brackets = 0
    for part in text.split(separator):
        # A comma in brackets separates nothing.
        if open_brackets > 0:
            groups[-1].append(part)
        else:
            groups.append([part])
        open_brackets = max(0, open_brackets) + part.count("(") - part.count(")")
    parts = [separator.join(group) for group in groups]
    if separator == ", " and any(len(part.split()) > LEAD_WORDS for part in parts):
        parts = [text]
    return [*filter(None, (part.strip(" .").removeprefix("and ").removeprefix("et ") for part in parts))]
