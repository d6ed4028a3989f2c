"""A TipTap document written as Markdown, so that reading it makes the same document again.

What TipTap's starter kit knows is written as such. Of other nodes what is in them is written, of other marks the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from stellary.contract.rich_text import Node
from stellary.core.knowledge.rules.markdown_reading import EMPTY_PARAGRAPH
from stellary.core.knowledge.rules.markdown_text import one_line, paragraph

_INLINE: Final = frozenset({"text", "hardBreak", "mention"})
_LISTS: Final = ("bulletList", "orderedList", "taskList")
_NUMBER_MAX = 999_999_999


def to_markdown(document: Node) -> str:
    """The text that says the same as a document."""
    content = _content(document)
    if len(content) == 1 and content[0].get("type") == "paragraph" and not _content(content[0]):
        return ""
    return _blocks(content)


def _content(node: Node) -> list[Node]:
    return node.get("content") or []


def _attrs(node: Node) -> dict[str, Any]:
    return node.get("attrs") or {}


def _blocks(nodes: Iterable[Node]) -> str:
    return "\n\n".join(_each_block(nodes))


def _each_block(nodes: Iterable[Node]) -> Iterator[str]:
    """The blocks; texts that stand among them by themselves are taken for paragraphs."""
    other = False
    before = None
    for is_inline, group in groupby(nodes, lambda node: node["type"] in _INLINE):
        if is_inline:
            yield paragraph(list(group)) or EMPTY_PARAGRAPH
            before = None
            continue
        for node in group:
            # Two lists in succession would be one, unless their markers differ.
            kind = _list_kind(node)
            other = kind is not None and kind == before and not other
            before = kind
            if said := _block(node, other=other):
                yield said


def _list_kind(node: Node) -> str | None:
    if node["type"] not in _LISTS or not _content(node):
        return None
    return "ordered" if node["type"] == "orderedList" else "bullet"


def _block(node: Node, *, other: bool) -> str:
    content = _content(node)
    match node["type"]:
        case "paragraph":
            return paragraph(content) or EMPTY_PARAGRAPH
        case "heading":
            return f"{'#' * _level(node)} {one_line(content)}".rstrip(" ")
        case "codeBlock":
            return _code(node)
        case "blockquote":
            return _prefixed(_blocks(content) or EMPTY_PARAGRAPH, "> ", "> ")
        case "bulletList" | "taskList":
            return _list(content, ["* " if other else "- "] * len(content))
        case "orderedList":
            end = ") " if other else ". "
            first = _attrs(node).get("start")
            first = first if type(first) is int and 0 <= first <= _NUMBER_MAX else 1
            numbers = (min(first + index, _NUMBER_MAX) for index in range(len(content)))
            return _list(content, [f"{number}{end}" for number in numbers])
        case "horizontalRule":
            return "---"
        case _:
            return _blocks(content)


def _level(node: Node) -> int:
    level = _attrs(node).get("level")
    return min(max(level, 1), 6) if type(level) is int else 1


def _code(node: Node) -> str:
    said = "".join(each["text"] for each in _content(node) if each["type"] == "text")
    said = said.replace("\r\n", "\n").replace("\r", "\n")
    longest = max((len(found) for found in re.findall("`+", said)), default=0)
    fence = "`" * max(3, longest + 1)
    language = _attrs(node).get("language")
    # A language has no white space in it; what has is none.
    named = language if isinstance(language, str) and len(language.split()) == 1 else ""
    named = re.sub(r"[\\&`]", lambda found: f"&#{ord(found[0])};", named.strip())
    lines = [fence + named, said, fence] if said else [fence + named, fence]
    return "\n".join(lines)


def _list(items: list[Node], markers: list[str]) -> str:
    written = [
        _prefixed(_item(_content(item)), marker, " " * len(marker))
        for item, marker in zip(items, markers, strict=True)
    ]
    return ("\n" if all(map(_is_short, items)) else "\n\n").join(written)


def _item(nodes: list[Node]) -> str:
    if len(nodes) == 2 and _is_short({"type": "listItem", "content": nodes}):
        return "\n".join(_each_block(nodes))
    return _blocks(nodes) or EMPTY_PARAGRAPH


def _is_short(item: Node) -> bool:
    """Whether an item is one paragraph, and perhaps a list of such items that can follow it without an empty line."""
    first, *rest = _content(item) or [{"type": "paragraph"}]
    if first["type"] != "paragraph" or len(rest) > 1:
        return False
    if not rest:
        return True
    return _list_kind(rest[0]) == "bullet" and all(map(_is_short, _content(rest[0])))


def _prefixed(text: str, first: str, further: str) -> str:
    """The text with something before each line; lines that are empty get no spaces."""
    lines = text.split("\n")
    made = [first + lines[0]]
    made += [further + line if line else further.rstrip(" ") for line in lines[1:]]
    return "\n".join(made)
