"""The outline of a text: sections with their paragraphs, lists and tables, from Markdown or plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import attrs

from stellary.core.wizard.rules.vocabulary import (
    HEADING_MAX,
    LABEL_WORDS,
    find_marker,
    find_role,
    split_label,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

INLINE_MAX = 1_000
"""The maximum length of a block in which marks are read, in characters."""
_MARKS = frozenset("*_`[<\\!&")
_BOLD, _LABEL = 7, 8
"""The levels of a bold line and of a line with a colon before a list, below all headings."""
_SIGNS = "⏳🚧🔄🔲⬜🟡🟢🔴▶\ufe0f "
"""The symbols before an item in progress, which is not done."""
_BOXES = {"[ ]": False, "[]": False, "[x]": True, "[X]": True, "☐": False, "☑": True, "✅": True}


@attrs.define
class OutlineItem:
    """An item of a list.

    Attributes:
        done: Whether its box is ticked; None without a box.
        is_numbered: Whether the list is a numbered one.
    """

    text: str
    done: bool | None = None
    is_numbered: bool = False
    note: str = ""
    children: list[OutlineItem] = attrs.field(factory=list)


@attrs.define
class OutlineTable:
    """A table with its header, and rows of the same width."""

    header: list[str]
    rows: list[list[str]]


@attrs.define
class OutlineSection:
    """A heading with the content below it, up to the next heading of its level.

    Attributes:
        title: Empty for the text before the first heading.
        level: 0 for the whole text, 1 to 6 for headings, more for bold lines and labels.
    """

    title: str
    level: int
    prose: list[str] = attrs.field(factory=list)
    items: list[OutlineItem] = attrs.field(factory=list)
    tables: list[OutlineTable] = attrs.field(factory=list)
    sections: list[OutlineSection] = attrs.field(factory=list)

    def walk(self) -> Iterator[OutlineSection]:
        """Yield the section and all sections below it, in order."""
        yield self
        for section in self.sections:
            yield from section.walk()


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable("table")


@cache
def _block_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


def read_outline(text: str) -> OutlineSection:
    """Return the outline of a text. Code, quotations and HTML are left out."""
    return _Builder(_block_parser().parse("\n".join(_separate(text.split("\n"))))).build()


def _separate(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines after the front matter, with an empty line before each line that begins a section."""
    start = 0
    if lines[0].strip() == "---":
        start = next(
            (place for place, line in enumerate(lines[1:60], 2) if line.strip() in ("---", "...")), 0
        )
    before = ""
    for place, line in enumerate(lines[start:], start + 1):
        text = line.strip()
        if _is_numbered_heading(line, lines[place : place + 2]):
            yield from ("", f"**{text}**", "")
            before = ""
            continue
        is_start = (
            before and text and not line[0].isspace() and line[0] not in "-+|" and len(text) <= HEADING_MAX
        )
        if is_start and (line.startswith("**") or (text[-1] == ":" and text[0] != "*") or find_marker(text)):
            yield ""
        yield line
        before = text


def _is_numbered_heading(line: str, following: Sequence[str]) -> bool:
    """Return whether a line such as ``3. Budget`` is a heading: it has a known role, and text below it."""
    if not line[:1].isdigit() or len(line) > HEADING_MAX or len(line.split()) > LABEL_WORDS + 1:
        return False
    below = next((text for text in following if text.strip()), " ")
    if below[0].isspace() or (below.split()[0][:-1].isdigit() and below.split()[0][-1] in ".)"):
        return False
    return find_role(line) is not None


def plain_text(content: str) -> str:
    """Return the content of a block without its marks: emphasis, links, code and tags."""
    head = content[:INLINE_MAX]
    if _MARKS.isdisjoint(head):
        return content
    parts: list[str] = []
    for token in _parser().parseInline(head)[0].children or ():
        if token.type in ("text", "code_inline", "text_special"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "html_inline" and token.content.lower().startswith("<br"):
            parts.append("; ")
    return "".join(parts) + content[INLINE_MAX:]


class _Builder:
    """A pass over the tokens of a text."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._root = OutlineSection("", 0)
        self._open = [self._root]

    def build(self) -> OutlineSection:
        place = 0
        while place < len(self._tokens):
            token = self._tokens[place]
            end = self._find_end(place)
            if token.type == "heading_open":
                self._start(plain_text(self._tokens[place + 1].content), int(token.tag[1]))
            elif token.type == "paragraph_open":
                before_list = end + 1 < len(self._tokens) and self._tokens[end + 1].type.endswith("list_open")
                self._add_paragraph(self._tokens[place + 1].content, before_list)
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                self._open[-1].items += self._read_list(place, end)
            elif token.type == "table_open":
                self._open[-1].tables.append(self._read_table(place, end))
            place = end + 1
        return self._root

    def _find_end(self, place: int) -> int:
        if self._tokens[place].nesting != 1:
            return place
        level = self._tokens[place].level
        return next(
            end
            for end in range(place + 1, len(self._tokens))
            if self._tokens[end].level == level and self._tokens[end].nesting == -1
        )

    def _start(self, title: str, level: int) -> None:
        while self._open[-1].level >= level:
            self._open.pop()
        section = OutlineSection(" ".join(title.split()), level)
        self._open[-1].sections.append(section)
        self._open.append(section)

    def _add_paragraph(self, content: str, before_list: bool) -> None:
        if self._open[-1].level == _LABEL and self._open[-1].items:
            self._open.pop()
        sentence: list[str] = []
        lines = content.split("\n")
        for place, raw in enumerate(lines):
            text = plain_text(raw).strip()
            is_last = place == len(lines) - 1
            level = self._heading_level(raw.strip(), text, is_last and before_list)
            label = split_label(text)
            if sentence and (level or (label and (raw.lstrip().startswith("*") or find_role(label[0])))):
                self._open[-1].prose.append(" ".join(sentence))
                sentence = []
            if level:
                self._start(text.rstrip(" :"), level)
            elif text:
                sentence.append(text)
        if sentence:
            self._open[-1].prose.append(" ".join(sentence))

    @staticmethod
    def _heading_level(raw: str, text: str, before_list: bool) -> int:
        if len(text) > 100 or not text.strip(" :*"):
            return 0
        is_bold = raw[:2] in ("**", "__") and raw.rstrip(":")[-2:] == raw[:2] and raw.count(raw[:2]) == 2
        if is_bold or find_marker(text) is not None:
            return _BOLD
        return _LABEL if before_list and text.endswith(":") else 0

    def _read_list(self, start: int, end: int) -> list[OutlineItem]:
        items: list[OutlineItem] = []
        is_numbered = self._tokens[start].type == "ordered_list_open"
        place = start + 1
        while place < end:
            last = self._find_end(place)
            if item := self._read_item(place, last, is_numbered):
                items.append(item)
            place = last + 1
        return items

    def _read_item(self, start: int, end: int, is_numbered: bool) -> OutlineItem | None:
        item = OutlineItem("", is_numbered=is_numbered)
        notes: list[str] = []
        place = start + 1
        while place < end:
            token, last = self._tokens[place], self._find_end(place)
            if token.type in ("paragraph_open", "heading_open"):
                text = " ".join(plain_text(self._tokens[place + 1].content).split())
                if item.text:
                    notes.append(text)
                else:
                    _set_text(item, text)
            elif token.type.endswith("list_open"):
                item.children += self._read_list(place, last)
            place = last + 1
        item.note = "\n".join(notes)
        return item if item.text else None

    def _read_table(self, start: int, end: int) -> OutlineTable:
        rows: list[list[str]] = []
        for place in range(start, end):
            if self._tokens[place].type == "tr_open":
                rows.append([])
            elif self._tokens[place].type == "inline":
                rows[-1].append(" ".join(plain_text(self._tokens[place].content).split()))
        return OutlineTable(rows[0] if rows else [], rows[1:])


def _set_text(item: OutlineItem, text: str) -> None:
    for box, done in _BOXES.items():
        if text.startswith(box) and text[len(box) :].strip():
            item.done, text = done, text[len(box) :].strip()
            break
    if text.startswith("~~") and text.endswith("~~") and len(text) > 4:
        item.done, text = True, text.strip("~")
    item.text = text.lstrip(_SIGNS) or text
