"""Rich text: validation of document content, as TipTap (ProseMirror) JSON or Markdown."""

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
"""The maximum nesting of nodes. The document itself is level 1."""

Node = dict[str, Any]


@attrs.frozen
class RichText(Check):
    """A TipTap document, or a Markdown string where that is accepted: at most 1 MB either way."""

    markdown: bool = True

    def problem(self, value: Any) -> str | None:
        if self.markdown and isinstance(value, str):
            return "must be at most 1 MB" if len(value.encode()) > BYTES_MAX else None
        if not isinstance(value, dict):
            return "must be a TipTap document" + (", or a text in Markdown" if self.markdown else "")
        return _document_problem(value)

    def schema(self) -> dict[str, Any]:
        return {"type": ["object", "string"] if self.markdown else "object"}


Content = Annotated[Any, RichText()]
TipTap = Annotated[Any, RichText(markdown=False)]


def is_too_large(document: Node) -> bool:
    """Return whether a document exceeds the maximum size."""
    return len(orjson.dumps(document)) > BYTES_MAX


def document_too_large() -> Invalid:
    """Return the error for a Markdown string whose document would exceed the maximum size."""
    return invalid(("content", "must be at most 1 MB as a TipTap document"))


def check_rich_text(document: Node) -> None:
    """Check a TipTap document that is not itself a field of a request.

    Raises:
        Invalid: The document is not valid in a request. The error names ``content``.
    """
    if problem := _document_problem(document):
        raise invalid(("content", problem))


def nodes(document: Node) -> Iterator[tuple[Any, int]]:
    """Yield all nodes in document order, each with its depth; the document is at depth 1.

    Entries of ``content`` that are not nodes are yielded unchanged.
    """
    waiting: list[tuple[Any, int]] = [(document, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        children = node.get("content") if isinstance(node, dict) else None
        if isinstance(children, list):
            waiting += [(child, depth + 1) for child in reversed(children)]


def _document_problem(document: Node) -> str | None:
    if document.get("type") != "doc":
        return 'must be a TipTap document: an object whose type is "doc"'
    return node_problem(document) or ("must be at most 1 MB" if is_too_large(document) else None)


def node_problem(root: Any, *, allow_unsafe: bool = False) -> str | None:
    """Return what is wrong with a node or one of its descendants; None if nothing is.

    Args:
        root: The node to check; may be any JSON value.
        allow_unsafe: Whether to check the structure only, and not for unsafe content.
    """
    for node, depth in nodes(root):
        if depth > DEPTH_MAX:
            return f"must not have nodes nested deeper than {DEPTH_MAX}"
        if problem := _own_problem(node):
            return problem
        if not allow_unsafe and (unsafe := unsafe_part(node)):
            problem, path = unsafe
            place = f"{_path_to(root, node)}{path}".lstrip(".")
            return f"{problem}: see {place}" if place else problem
    return None


def _path_to(root: Node, node: Node) -> str:
    """Return the path of a node in another one, such as ``content[0].content[2]``; empty if both are the same node."""
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting:
        current, path = waiting.pop()
        if current is node:
            return path
        if isinstance(current, dict):
            waiting += [
                (child, f"{path}.content[{index}]")
                for index, child in enumerate(current.get("content") or ())
            ]
    return ""


def _own_problem(node: Any) -> str | None:
    """Return what is wrong with a node by itself. Unknown types of nodes and marks are accepted."""
    if not _has_type(node):
        return "must have nodes that are objects with a type"
    if not isinstance(node.get("content", []), list):
        return "must have nodes whose content is a list"
    if not isinstance(node.get("attrs", {}), (dict, NoneType)):
        return "must have nodes whose attrs are an object"
    if node["type"] == "text" and not (isinstance(node.get("text"), str) and node["text"]):
        return "must have text nodes with a text that is not empty"
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(map(_has_type, marks)):
        return "must have marks that are objects with a type"
    if not all(isinstance(mark.get("attrs", {}), (dict, NoneType)) for mark in marks):
        return "must have marks whose attrs are an object"
    return None


def _has_type(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str) and bool(value["type"])
