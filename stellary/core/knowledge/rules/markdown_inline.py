"""Markdown within a paragraph, a heading or a table cell, read as TipTap nodes with marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import attrs
from markdown_it.token import Token

from stellary.contract.rich_text import BYTES_MAX, Node, document_too_large
from stellary.core.knowledge.rules.embedded_json import mark_rank
from stellary.core.knowledge.rules.markdown_parser import markdown_parser

_EMPHASIS = {"strong_open": "bold", "strong_close": "bold", "em_open": "italic", "em_close": "italic"}
_MARK_BYTES = 12
"""The size of the shortest mark as JSON."""


@attrs.define
class Budget:
    """The remaining bytes of a document. Parts that may grow faster than the text are counted during reading."""

    remaining: int = BYTES_MAX

    def spend(self, count: int) -> None:
        """Use some of the bytes.

        Raises:
            Invalid: The document would be too large.
        """
        self.remaining -= count
        if self.remaining < 0:
            raise document_too_large()


@attrs.frozen
class InlineContent:
    """The content of a block.

    Attributes:
        nodes: Its inline nodes.
        block: The type and the attributes for the surrounding block; None if the text specifies none.
    """

    nodes: list[Node]
    block: Node | None


def read_inline(text: str, env: dict[str, object], budget: Budget, *, is_cell: bool = False) -> InlineContent:
    """Read the text of a block.

    Args:
        text: Markdown without blocks.
        env: The state of the parser for the document, such as its link definitions.
        budget: The bytes that the document may still have.
        is_cell: Whether the block is a table cell, whose type may be given in the text.
    """
    parser = markdown_parser()
    env["is_cell"] = is_cell
    tokens: list[Token] = []
    parser.inline.parse(text, parser, env, tokens)
    block = tokens[0].meta["block"] if tokens and tokens[0].type == "tag_block" else None
    return InlineContent(_Nodes(budget).read(tokens), block)


@attrs.define
class _OpenMark:
    """An open mark, which may be nested in itself."""

    mark: Node
    size: int
    count: int = 0


class _Nodes:
    """The nodes of one text, as they are read."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._nodes: list[Node] = []
        self._open: dict[str, _OpenMark] = {}
        self._marks: list[Node] | None = []
        self._pieces: list[str] = []
        self._piece_marks: list[Node] = []
        self._links: list[Node] = []
        self._tags: dict[str, list[Node]] = defaultdict(list)

    def read(self, tokens: Sequence[Token]) -> list[Node]:
        lone = _lone_tags(tokens)
        for index, token in enumerate(tokens):
            if index in lone:
                self._add_text(token.content)
            else:
                self._read_token(token)
        self._end_text()
        return self._nodes

    def _read_token(self, token: Token) -> None:  # noqa: C901 - one line for each kind of token
        match token.type:
            case "text" | "text_special":
                self._add_text(token.content)
            case "softbreak":
                self._add_text(" ")
            case "hardbreak":
                self._add_node({"type": "hardBreak"})
            case "code_inline":
                self._add_text(token.content, code=True)
            case "image":
                self._add_node(_image(token))
            case "tag_node":
                self._add_node(token.meta["node"])
            case "mark":
                self._toggle({"type": token.tag}, opens=token.nesting > 0)
            case "strong_open" | "em_open" | "strong_close" | "em_close":
                self._toggle({"type": _EMPHASIS[token.type]}, opens=token.nesting > 0)
            case "link_open":
                self._links.append(_link(token))
                self._toggle(self._links[-1], opens=True)
            case "link_close":
                self._toggle(self._links.pop(), opens=False)
            case "tag_open":
                self._tags[token.tag].append(token.meta["mark"])
                self._toggle(token.meta["mark"], opens=True)
            case "tag_close":
                self._toggle(self._tags[token.tag].pop(), opens=False)
            case _:
                pass

    def _toggle(self, mark: Node, *, opens: bool) -> None:
        key = str(mark)
        held = self._open.setdefault(key, _OpenMark(mark, max(_MARK_BYTES, len(key) - 4)))
        held.count += 1 if opens else -1
        if not held.count:
            del self._open[key]
        self._marks = None

    def _current_marks(self) -> list[Node]:
        if self._marks is None:
            self._marks = sorted((held.mark for held in self._open.values()), key=mark_rank)
        return self._marks

    def _add_text(self, text: str, *, code: bool = False) -> None:
        if not text:
            return
        marks = self._current_marks()
        if code:
            marks = [*(mark for mark in marks if mark != {"type": "code"}), {"type": "code"}]
        if self._pieces and marks != self._piece_marks:
            self._end_text()
        if not self._pieces:
            self._budget.spend(sum(held.size for held in self._open.values()))
        self._pieces.append(text)
        self._piece_marks = marks

    def _end_text(self) -> None:
        if self._pieces:
            marks = {"marks": self._piece_marks} if self._piece_marks else {}
            self._nodes.append({"type": "text", "text": "".join(self._pieces), **marks})
            self._pieces = []

    def _add_node(self, node: Node) -> None:
        self._end_text()
        if self._open:
            self._budget.spend(sum(held.size for held in self._open.values()))
            node = {**node, "marks": [*node.get("marks", ()), *self._current_marks()]}
        self._nodes.append(node)


def _lone_tags(tokens: Sequence[Token]) -> set[int]:
    """Return the indexes of opening tags without a closing tag, and of closing tags without an opening one."""
    lone: set[int] = set()
    open_tags: dict[str, list[int]] = defaultdict(list)
    for index, token in enumerate(tokens):
        if token.type == "tag_open":
            open_tags[token.tag].append(index)
        elif token.type == "tag_close":
            if open_tags[token.tag]:
                open_tags[token.tag].pop()
            else:
                lone.add(index)
    return lone.union(*open_tags.values())


def _link(token: Token) -> Node:
    title = token.attrs.get("title")
    return {"type": "link", "attrs": {"href": token.attrs["href"], **({"title": title} if title else {})}}


def _image(token: Token) -> Node:
    alt = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ()
    )
    attributes = {"src": token.attrs["src"], "alt": alt, "title": token.attrs.get("title")}
    return {"type": "image", "attrs": {name: value for name, value in attributes.items() if value}}
