"""Writes a TipTap document as Markdown, so that reading it returns the same document.

Content that Markdown cannot express is written as JSON (see ``embedded_json``). Three details are not
preserved: attributes that are null or TipTap's defaults, the order of marks, and the division of a text into
nodes with the same marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from stellary.contract.rich_text import Node
from stellary.core.knowledge.rules.embedded_json import CELLS, LANGUAGE, encode, set_attributes
from stellary.core.knowledge.rules.markdown_reading import EMPTY_PARAGRAPH
from stellary.core.knowledge.rules.markdown_text import image_markdown, one_line, paragraph

_LISTS: Final = {"bulletList": "listItem", "orderedList": "listItem", "taskList": "taskItem"}
_NUMBER_MAX = 999_999_999
_ALIGNMENTS: Final = {None: "---", "left": ":--", "center": ":-:", "right": "--:"}
_LANGUAGE = re.compile(r"[^\s\x00-\x20\x7f-\x9f]+")


def to_markdown(document: Node) -> str:
    """Return the Markdown of a document."""
    content = _content(document)
    if document.keys() - {"type", "content"} or any(node["type"] == "doc" for node in content):
        return _json_block(document)
    written = _blocks(content)
    return "" if written == EMPTY_PARAGRAPH else written


def _content(node: Node) -> list[Node]:
    return node.get("content") or []


def _blocks(nodes: Iterable[Node]) -> str:
    return "\n\n".join(_each_block(nodes))


def _each_block(nodes: Iterable[Node]) -> Iterator[str]:
    other = False
    before = None
    for node in nodes:
        kind = _list_kind(node)
        # Two adjacent lists would be read as one, unless their markers differ.
        other = kind is not None and kind == before and not other
        before = kind
        yield _block(node, other=other)


def _list_kind(node: Node) -> str | None:
    if not _is_list(node):
        return None
    return "ordered" if node["type"] == "orderedList" else "bullet"


def _block(node: Node, *, other: bool) -> str:
    written = _known_block(node, other=other) if _has_only(node, "attrs", "content") else None
    return _json_block(node) if written is None else written


def _known_block(node: Node, *, other: bool) -> str | None:
    """Return the Markdown of a block; None if no Markdown would be read as the same block."""
    match node["type"]:
        case "paragraph":
            return _paragraph(node)
        case "heading":
            return _heading(node)
        case "codeBlock":
            return _code(node)
        case "blockquote" if _content(node) and not set_attributes(node):
            return _prefix_lines(_blocks(_content(node)), "> ", "> ")
        case kind if kind in _LISTS and _is_list(node):
            return _list(node, other=other)
        case "horizontalRule" if not _content(node) and not set_attributes(node):
            return "---"
        case "table":
            return _table(node)
        case "image" if not _content(node):
            return image_markdown(node)
        case _:
            return None


def _has_only(node: Node, *names: str) -> bool:
    """Return whether a node has only a type and these keys."""
    return all(name == "type" or name in names or not node[name] for name in node)


def _json_block(node: Node) -> str:
    return _fence(orjson.dumps(node).decode(), LANGUAGE)


# ---------------------------------------------------------------------------------------------- texts


def _paragraph(node: Node) -> str:
    written = paragraph(_content(node))
    if attributes := set_attributes(node):
        return _with_attributes(attributes, written)
    if [inline["type"] for inline in _content(node)] == ["image"]:
        # An image alone in a paragraph would be read as an image block.
        return f"<tiptap-block {{}}>{written}"
    return written or EMPTY_PARAGRAPH


def _heading(node: Node) -> str | None:
    attributes = set_attributes(node)
    level = attributes.pop("level", None)
    if type(level) is not int or not 1 <= level <= 6:
        return None
    written = one_line(_content(node))
    if attributes:
        written = _with_attributes(attributes, written)
    return f"{'#' * level} {written}".rstrip(" ")


def _with_attributes(attributes: dict[str, Any], written: str) -> str:
    return f"<tiptap-block {encode({'attrs': attributes})}>{written}"


def _code(node: Node) -> str | None:
    attributes = set_attributes(node)
    language = attributes.pop("language", None)
    if attributes or not (language is None or _is_language(language)):
        return None
    if not all(inline["type"] == "text" and _has_only(inline, "text") for inline in _content(node)):
        return None
    text = "".join(inline["text"] for inline in _content(node))
    if "\r" in text or "\0" in text:
        return None
    return _fence(text, re.sub(r"[\\&`]", lambda match: f"&#{ord(match[0])};", language or ""))


def _is_language(name: Any) -> bool:
    return isinstance(name, str) and name != LANGUAGE and _LANGUAGE.fullmatch(name) is not None


def _fence(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [fence + language, text, fence] if text else [fence + language, fence]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------- lists


def _is_list(node: Node) -> bool:
    """Return whether a node is a list that Markdown can express."""
    item_type = _LISTS.get(node["type"])
    items = _content(node)
    if item_type is None or not items or not _has_only(node, "attrs", "content"):
        return False
    attributes = set_attributes(node)
    if node["type"] == "orderedList":
        start = attributes.pop("start", 1)
        if type(start) is not int or not 0 <= start <= _NUMBER_MAX - len(items):
            return False
    return not attributes and all(_is_item(item, item_type) for item in items)


def _is_item(node: Node, item_type: str) -> bool:
    if node["type"] != item_type or not _has_only(node, "attrs", "content"):
        return False
    attributes = set_attributes(node)
    checked = attributes.pop("checked", False) if item_type == "taskItem" else False
    first = _content(node)[:1]
    return (
        not attributes
        and isinstance(checked, bool)
        and bool(first)
        and first[0]["type"] == "paragraph"
        and _has_only(first[0], "attrs", "content")
    )


def _list(node: Node, *, other: bool) -> str:
    items = _content(node)
    if node["type"] == "orderedList":
        start = set_attributes(node).get("start", 1)
        markers = [f"{start + place}{')' if other else '.'} " for place in range(len(items))]
    else:
        markers = ["* " if other else "- "] * len(items)
    written = [
        _prefix_lines(_box(item) + _item(_content(item)), marker, " " * len(marker))
        for item, marker in zip(items, markers, strict=True)
    ]
    return ("\n" if all(map(_is_short, items)) else "\n\n").join(written)


def _box(item: Node) -> str:
    if item["type"] != "taskItem":
        return ""
    return "[x] " if set_attributes(item).get("checked") else "[ ] "


def _item(nodes: list[Node]) -> str:
    if len(nodes) == 2 and _is_short({"type": "listItem", "content": nodes}):
        return "\n".join(_each_block(nodes))
    return _blocks(nodes)


def _is_short(item: Node) -> bool:
    """Return whether an item is one paragraph, optionally with a list of such items that needs no empty line before it."""
    first, *further_blocks = _content(item) or [{"type": "paragraph"}]
    if first["type"] != "paragraph" or len(further_blocks) > 1:
        return False
    if not further_blocks:
        return True
    return _list_kind(further_blocks[0]) == "bullet" and all(map(_is_short, _content(further_blocks[0])))


def _prefix_lines(text: str, first: str, further: str) -> str:
    """Return the text with something before each line; empty lines get no spaces."""
    lines = text.split("\n")
    prefixed = [first + lines[0]]
    prefixed += [further + line if line else further.rstrip(" ") for line in lines[1:]]
    return "\n".join(prefixed)


# ---------------------------------------------------------------------------------------------- tables


def _table(node: Node) -> str | None:
    rows = [_content(row) for row in _content(node)]
    if set_attributes(node) or not rows or not rows[0] or len({len(row) for row in rows}) != 1:
        return None
    if not all(row["type"] == "tableRow" and _is_bare(row) for row in _content(node)):
        return None
    if not all(cell["type"] in CELLS and _is_cell(cell) for row in rows for cell in row):
        return None
    alignments = []
    for column in zip(*rows, strict=True):
        kinds = {_alignment(cell) for cell in column}
        if len(kinds) != 1 or not kinds <= _ALIGNMENTS.keys():
            return None
        alignments.append(kinds.pop())
    lines = [[_cell(cell, is_head=index == 0) for cell in row] for index, row in enumerate(rows)]
    lines.insert(1, [_ALIGNMENTS[alignment] for alignment in alignments])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_bare(node: Node) -> bool:
    return _has_only(node, "attrs", "content") and not set_attributes(node)


def _is_cell(cell: Node) -> bool:
    """Return whether a cell is one image, or one paragraph whose only attribute may be how it is aligned."""
    content = _content(cell)
    if not _has_only(cell, "attrs", "content") or len(content) != 1:
        return False
    only = content[0]
    if only["type"] == "image":
        return not _content(only) and image_markdown(only) is not None
    if only["type"] != "paragraph":
        return False
    is_image = [inline["type"] for inline in _content(only)] == ["image"]
    return (
        not is_image and _has_only(only, "attrs", "content") and set_attributes(only).keys() <= {"textAlign"}
    )


def _alignment(cell: Node) -> Any:
    only = _content(cell)[0]
    alignment = set_attributes(only).get("textAlign") if only["type"] == "paragraph" else None
    return alignment if alignment is None or isinstance(alignment, str) else ""


def _cell(cell: Node, *, is_head: bool) -> str:
    expected = "tableHeader" if is_head else "tableCell"
    block: Node = {} if cell["type"] == expected else {"type": cell["type"]}
    if attributes := set_attributes(cell):
        block["attrs"] = attributes
    tag = f"<tiptap-block {encode(block)}>" if block else ""
    only = _content(cell)[0]
    inline = [only] if only["type"] == "image" else _content(only)
    return tag + one_line(inline, in_table=True)
