"""Markdown read as a TipTap document: what TipTap's starter kit knows, in CommonMark's way.

Lines are read one after the other, each by the blocks that are open; how deep these are is bounded, so that the time grows
with the length of the text and no faster. What is not known (tables, images, HTML) stays as the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.rich_text import BYTES_MAX, DEPTH_MAX, Node
from stellary.contract.wire import invalid
from stellary.core.knowledge.rules.markdown_inline import inline, unescaped

BlockKind = Literal["doc", "quote", "list", "item", "paragraph", "heading", "fence", "indented", "rule"]

EMPTY: Final[Node] = {"type": "doc", "content": [{"type": "paragraph"}]}
EMPTY_PARAGRAPH = "&nbsp;"
"""How a paragraph without a text is written."""

MARKS_MAX = 300_000
_MARKS = "\\`*_~+[]<>&\n"
BLOCKS_MAX = BYTES_MAX // 25
"""Of more blocks no document is made that is not too large: the shortest one is ``{"type":"horizontalRule"}``."""

_OPEN_MAX = DEPTH_MAX - 2
"""Below what is open there is at least a paragraph, and a text in that."""

_LINES = re.compile(r"\r\n|\n|\r")
_WHITE = re.compile(r"[ \t]*")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)", re.DOTALL)
_MARKER = re.compile(r"(?:([-+*])|([0-9]{1,9})([.)]))(?=[ \t]|$)")


@attrs.define
class _Block:
    """A block, open or closed.

    Attributes:
        inner: The blocks in it.
        lines: What it says, if no blocks are in it.
        marker: Of a list, what tells it from another one; of a fence, what ends it.
        offset: Of an item or a fence, how far it is indented.
        number: Of a heading its level, of a list its first number, or None.
        language: Of a fence.
    """

    kind: BlockKind
    inner: list[_Block] = attrs.field(factory=list)
    lines: list[str] = attrs.field(factory=list)
    marker: str = ""
    offset: int = 0
    number: int | None = None
    language: str | None = None


def from_markdown(text: str) -> Node:
    """The document that a text says. Every text says one.

    Raises:
        Invalid: Nearly all of a long text would be marks, which takes seconds to read and says nothing; or the document
            would be too large.
    """
    if sum(map(text.count, _MARKS)) > MARKS_MAX:
        raise invalid(
            ("content", f"must have at most {MARKS_MAX:_} characters that could be marks".replace("_", " "))
        )
    reading = _Reading()
    for line in _LINES.split(text):
        reading.read(line)
    return {"type": "doc", "content": _filled(_nodes(reading.root.inner))}


def too_large() -> Invalid:
    """The 400 that tells that a text is too long for a document."""
    return invalid(("content", "must be at most 1 MB as a TipTap document"))


class _Reading:
    """A text on its way: which containers are open, and what at the end of them is."""

    def __init__(self) -> None:
        self.root = _Block("doc")
        self._open = [self.root]
        self._leaf: _Block | None = None
        self._rest = ""
        self._column = 0
        self._count = 0

    def read(self, line: str) -> None:
        self._rest, self._column = line, 0
        matched = self._matched()
        is_whole = matched == len(self._open)
        if is_whole and self._leaf is not None and self._goes_on(self._leaf):
            return
        opened = False
        while self._begins(matched, is_whole=is_whole and not opened):
            if self._leaf is not None:
                if self._leaf.kind in ("heading", "rule"):
                    self._leaf = None
                return
            opened, matched = True, len(self._open)
        self._text(matched, is_whole=is_whole or opened, opened=opened)

    # ------------------------------------------------------------------------------------------ white space

    def _indent(self) -> int:
        """How many columns of white space come next; a tab reaches to the next multiple of four."""
        found = _WHITE.match(self._rest)
        white = found[0] if found else ""
        if "\t" not in white:
            return len(white)
        column = self._column
        for character in white:
            column += 4 - column % 4 if character == "\t" else 1
        return column - self._column

    def _take(self, count: int) -> None:
        """Pass over so many columns of white space. Of a tab that reaches further, spaces are left."""
        end = self._column + count
        taken = 0
        while self._column < end and taken < len(self._rest):
            self._column += 4 - self._column % 4 if self._rest[taken] == "\t" else 1
            taken += 1
        self._rest = " " * (self._column - end) + self._rest[taken:]
        self._column = end

    def _take_mark(self, indent: int, length: int) -> None:
        """Pass over what stands there after white space."""
        self._take(indent)
        self._rest = self._rest[length:]
        self._column += length

    def _bare(self) -> str:
        return self._rest.lstrip(" \t")

    # ------------------------------------------------------------------------------------------ what is open

    def _matched(self) -> int:
        """How many of the open containers the line belongs to."""
        for number, block in enumerate(self._open):
            indent = self._indent()
            if block.kind == "quote":
                if indent > 3 or not self._bare().startswith(">"):
                    return number
                self._take_mark(indent, 1)
                self._take_space()
            elif block.kind == "item":
                if indent >= block.offset:
                    self._take(block.offset)
                elif not self._bare() and (block.inner or self._leaf is not None):
                    self._take(indent)
                else:
                    return number
        return len(self._open)

    def _take_space(self) -> None:
        if self._indent():
            self._take(1)

    def _goes_on(self, leaf: _Block) -> bool:
        """Whether code that is open takes the line, or ends with it."""
        indent = self._indent()
        if leaf.kind == "fence":
            said = self._rest.strip(" \t")
            if indent <= 3 and len(said) >= len(leaf.marker) and said == leaf.marker[0] * len(said):
                self._leaf = None
            else:
                self._take(min(indent, leaf.offset))
                leaf.lines.append(self._rest)
            return True
        if leaf.kind == "indented":
            if indent >= 4:
                self._take(4)
                leaf.lines.append(self._rest)
                return True
            if not self._bare():
                leaf.lines.append("")
                return True
            self._leaf = None
        return False

    def _close(self, matched: int) -> None:
        """Close what the line does not belong to, and whatever is at the end of it."""
        del self._open[matched:]
        self._leaf = None

    def _put(self, matched: int, block: _Block) -> _Block:
        """Put a block into the innermost container that the line belongs to. Nothing but items stands in a list."""
        self._close(matched)
        self._count += 1
        if self._count > BLOCKS_MAX:
            raise too_large()
        while self._open[-1].kind == "list" and block.kind != "item":
            self._open.pop()
        self._open[-1].inner.append(block)
        return block

    # ------------------------------------------------------------------------------------------ what begins

    def _begins(self, matched: int, *, is_whole: bool) -> bool:
        """Whether a block begins here; a leaf takes the rest of the line, a container leaves it."""
        indent, bare = self._indent(), self._bare()
        if not bare:
            return False
        if indent >= 4:
            if self._leaf is not None and self._leaf.kind == "paragraph":
                return False
            self._take(4)
            self._leaf = self._put(matched, _Block("indented", lines=[self._rest]))
            return True
        match bare[0]:
            case ">":
                return self._begins_quote(matched, indent)
            case "#":
                return self._begins_heading(matched, bare)
            case "`" | "~":
                return self._begins_fence(matched, indent, bare)
            case "=" | "-" if is_whole and self._underlines():
                return True
            case "-" | "*" | "_" if self._is_rule():
                self._leaf = self._put(matched, _Block("rule"))
                return True
            case "-" | "+" | "*" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                return self._begins_item(matched, indent, bare, is_whole=is_whole)
            case _:
                return False

    def _begins_quote(self, matched: int, indent: int) -> bool:
        if matched + 1 > _OPEN_MAX:
            return False
        self._take_mark(indent, 1)
        self._take_space()
        self._open.append(self._put(matched, _Block("quote")))
        return True

    def _begins_heading(self, matched: int, bare: str) -> bool:
        found = _HEADING.match(bare)
        if found is None:
            return False
        said = bare[found.end() :].strip(" \t")
        bare = said.rstrip("#")
        if not bare or bare[-1] in " \t":
            said = bare.rstrip(" \t")
        self._leaf = self._put(matched, _Block("heading", lines=[said], number=len(found[1])))
        return True

    def _begins_fence(self, matched: int, indent: int, bare: str) -> bool:
        found = _FENCE.match(bare)
        if found is None or (found[1][0] == "`" and "`" in found[2]):
            return False
        language = next(iter(unescaped(found[2]).split()), None)
        self._leaf = self._put(matched, _Block("fence", marker=found[1], offset=indent, language=language))
        return True

    def _underlines(self) -> bool:
        """Whether the line makes a heading of the paragraph before it."""
        said = self._rest.strip(" \t")
        if self._leaf is None or self._leaf.kind != "paragraph" or said != said[0] * len(said):
            return False
        self._leaf.kind, self._leaf.number = "heading", 1 if said[0] == "=" else 2
        return True

    def _is_rule(self) -> bool:
        said = self._rest.replace(" ", "").replace("\t", "")
        return len(said) >= 3 and said == said[0] * len(said)

    def _begins_item(self, matched: int, indent: int, bare: str, *, is_whole: bool) -> bool:
        found = _MARKER.match(bare)
        if found is None:
            return False
        number = int(found[2]) if found[2] else None
        is_empty = not bare[found.end() :].strip(" \t")
        if is_whole and self._leaf is not None and (is_empty or number not in (None, 1)):
            # It would cut a paragraph in two.
            return False
        marker = found[1] or found[3]
        above = self._open[matched - 1]
        goes_on = above.kind == "list" and above.marker == marker
        if matched + (1 if goes_on else 2) > _OPEN_MAX:
            return False
        self._take_mark(indent, found.end())
        spaces = self._indent()
        if is_empty or spaces > 4:
            spaces = 1
        self._take(spaces)
        if not goes_on:
            self._open.append(self._put(matched, _Block("list", marker=marker, number=number)))
            matched = len(self._open)
        self._open.append(self._put(matched, _Block("item", offset=indent + found.end() + spaces)))
        return True

    # ------------------------------------------------------------------------------------------ what is said

    def _text(self, matched: int, *, is_whole: bool, opened: bool) -> None:
        leaf = self._leaf
        bare = self._bare()
        if not bare:
            self._close(matched)
        elif leaf is not None and not opened and (is_whole or leaf.kind == "paragraph"):
            # Who goes on with a paragraph need not say again what it stands in.
            leaf.lines.append(bare)
        else:
            self._leaf = self._put(matched, _Block("paragraph", lines=[bare]))


# ---------------------------------------------------------------------------------------------- nodes


def _nodes(blocks: Iterable[_Block]) -> list[Node]:
    return [_node(block) for block in blocks]


def _node(block: _Block) -> Node:
    match block.kind:
        case "quote":
            return {"type": "blockquote", "content": _filled(_nodes(block.inner))}
        case "list":
            return _list(block)
        case "rule":
            return {"type": "horizontalRule"}
        case "fence" | "indented":
            return _code(block)
        case kind:
            said = "\n".join(block.lines).rstrip(" \t")
            named: Node = {"type": kind} | ({"attrs": {"level": block.number}} if kind == "heading" else {})
            inner = [] if said == EMPTY_PARAGRAPH and kind == "paragraph" else inline(said)
            return named | ({"content": inner} if inner else {})


def _list(block: _Block) -> Node:
    items = [{"type": "listItem", "content": _item(_nodes(item.inner))} for item in block.inner]
    if block.number is None:
        return {"type": "bulletList", "content": items}
    return {"type": "orderedList", "attrs": {"start": block.number}, "content": items}


def _code(block: _Block) -> Node:
    lines = block.lines
    if block.kind == "indented":
        while lines and not lines[-1].strip(" \t"):
            lines.pop()
    said = "\n".join(lines)
    node: dict[str, Any] = {"type": "codeBlock", "attrs": {"language": block.language}}
    return node | ({"content": [{"type": "text", "text": said}]} if said else {})


def _filled(nodes: list[Node]) -> list[Node]:
    """What stands in a document or a quote: something, be it an empty paragraph."""
    return nodes or [{"type": "paragraph"}]


def _item(nodes: list[Node]) -> list[Node]:
    """What stands in an item: TipTap has a paragraph first."""
    return nodes if nodes and nodes[0]["type"] == "paragraph" else [{"type": "paragraph"}, *nodes]
