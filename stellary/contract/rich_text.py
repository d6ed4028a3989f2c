"""Rich text: what the content of a document may be, as TipTap (ProseMirror) JSON or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, Literal

import attrs
import orjson

from stellary.contract.errors import Invalid
from stellary.contract.limits import Check
from stellary.contract.safe_content import unsafe_part
from stellary.contract.wire import invalid

ContentFormat = Literal["tiptap", "markdown"]

BYTES_MAX = 1_048_576
DEPTH_MAX = 32
"""Of nodes in each other: the document itself is the first, a text the last."""

Node = dict[str, Any]


@attrs.frozen
class RichText(Check):
    """A TipTap document, or a text in Markdown where that is taken: at most 1 MB either way."""

    markdown: bool = True

    def problem(self, found: Any) -> str | None:
        if self.markdown and isinstance(found, str):
            return "must be at most 1 MB" if len(found.encode()) > BYTES_MAX else None
        if not isinstance(found, dict):
            return "must be a TipTap document" + (", or a text in Markdown" if self.markdown else "")
        return _wrong_document(found)

    def schema(self) -> dict[str, Any]:
        return {"type": ["object", "string"] if self.markdown else "object"}


Content = Annotated[Any, RichText()]
TipTap = Annotated[Any, RichText(markdown=False)]


def is_too_large(document: Node) -> bool:
    """Whether a document is larger than one may be."""
    return len(orjson.dumps(document)) > BYTES_MAX


def document_too_large() -> Invalid:
    """Return the error for a text in Markdown whose document would be larger than one may be."""
    return invalid(("content", "must be at most 1 MB as a TipTap document"))


def check_rich_text(document: Node) -> None:
    """Check a TipTap document that was not a request's own field.

    Raises:
        Invalid: It is not one that a request could contain; the sentence names ``content``.
    """
    if problem := _wrong_document(document):
        raise invalid(("content", problem))


def nodes(document: Node) -> Iterator[tuple[Any, int]]:
    """All nodes in the order of the text, each with its depth; the document is at 1. What is no node is told as it is."""
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        inner = node.get("content") if isinstance(node, dict) else None
        if isinstance(inner, list):
            waiting += [(each, depth + 1) for each in reversed(inner)]


def _wrong_document(document: Node) -> str | None:
    if document.get("type") != "doc":
        return 'must be a TipTap document: an object whose type is "doc"'
    return node_problem(document) or ("must be at most 1 MB" if is_too_large(document) else None)


def node_problem(root: Any, *, allow_unsafe: bool = False) -> str | None:
    """Return what is wrong with a node or with one of those in it; None if nothing is.

    Args:
        root: What may be a node.
        allow_unsafe: Whether only the form is checked, and not what it contains.
    """
    for node, depth in nodes(root):
        if depth > DEPTH_MAX:
            return f"must not have nodes nested deeper than {DEPTH_MAX}"
        if problem := _wrong_node(node):
            return problem
        if not allow_unsafe and (unsafe := unsafe_part(node)):
            problem, path = unsafe
            place = f"{_path_to(root, node)}{path}".lstrip(".")
            return f"{problem}: see {place}" if place else problem
    return None


def _path_to(root: Node, node: Node) -> str:
    """Return where a node is in another one, such as ``content[0].content[2]``; empty for that one itself."""
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting:
        known, path = waiting.pop()
        if known is node:
            return path
        if isinstance(known, dict):
            waiting += [
                (inner, f"{path}.content[{index}]") for index, inner in enumerate(known.get("content") or ())
            ]
    return ""


def _wrong_node(node: Any) -> str | None:
    """What is wrong with a node by itself. Kinds of nodes and marks that nobody here has heard of are welcome."""
    if not _is_named(node):
        return "must have nodes that are objects with a type"
    if not isinstance(node.get("content", []), list):
        return "must have nodes whose content is a list"
    if not isinstance(node.get("attrs", {}), (dict, NoneType)):
        return "must have nodes whose attrs are an object"
    if node["type"] == "text" and not (isinstance(node.get("text"), str) and node["text"]):
        return "must have text nodes with a text that is not empty"
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(map(_is_named, marks)):
        return "must have marks that are objects with a type"
    if not all(isinstance(mark.get("attrs", {}), (dict, NoneType)) for mark in marks):
        return "must have marks whose attrs are an object"
    return None


def _is_named(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("type"), str) and bool(found["type"])
