"""JSON inside Markdown, for content that Markdown cannot express, such as unknown nodes, marks and attributes.

A block is a fenced code block whose language is ``tiptap``. Inside a line there are three tags, whose JSON is on
one line and contains no character that has a meaning in Markdown: ``<tiptap-node {…}>`` is an inline node,
``<tiptap-mark {…}>text</tiptap-mark>`` is a mark, and ``<tiptap-block {…}>`` at the beginning gives attributes to
the paragraph, heading or table cell around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from stellary.contract import jsonic
from stellary.contract.errors import Invalid, TooLarge
from stellary.contract.rich_text import Node

LANGUAGE: Final = "tiptap"
CELLS: Final = frozenset({"tableCell", "tableHeader"})

SIMPLE_MARKS: Final = ("bold", "italic", "strike", "underline", "highlight", "subscript", "superscript")
"""Marks that Markdown can express if they have no attributes."""

_MARK_RANKS: Final = {
    "link": 0,
    **{name: rank for rank, name in enumerate(SIMPLE_MARKS, start=1)},
    "code": 99,
}
_OTHER_RANK = 50

_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "link": {"target": "_blank", "rel": "noopener noreferrer nofollow"},
    "tableCell": {"colspan": 1, "rowspan": 1},
    "tableHeader": {"colspan": 1, "rowspan": 1},
}
"""Attributes that TipTap's extensions add by themselves, by node or mark."""

_ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>`|"})


def mark_rank(mark: Mapping[str, Any]) -> int:
    """Return the rank of a mark, by which the marks of a text are sorted from the outside in. Unknown marks keep their order."""
    return _MARK_RANKS.get(mark["type"], _OTHER_RANK)


def set_attributes(node: Node) -> dict[str, Any]:
    """Return the attributes of a node or mark that are neither null nor TipTap's defaults."""
    attributes = node.get("attrs")
    if not attributes:
        return {}
    defaults = _DEFAULTS.get(node["type"], {})
    return {
        name: value
        for name, value in attributes.items()
        if value is not None and not (name in defaults and value == defaults[name] and value is not True)
    }


def encode(value: Node) -> str:
    """Return JSON on one line, without the characters that end a tag, a code span or a table cell."""
    return orjson.dumps(value).decode().translate(_ESCAPES)


def decode(text: str) -> Node | None:
    """Parse a JSON object; return None if the text is anything else."""
    try:
        value = jsonic.parse(text.encode())
    except (Invalid, TooLarge):
        return None
    return value if isinstance(value, dict) else None
