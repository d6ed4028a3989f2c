"""Checks for unsafe rich text: links that run code, elements that load or run code, event handlers.

The same list applies to TipTap JSON, Markdown and imports. Unknown nodes and marks are kept unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_Node = dict[str, Any]

SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel", "ftp", "ftps", "sms", "xmpp"})
HREF_MAX = 2_000
"""The maximum number of characters of a link's target."""

REFUSED_TYPES: Final = frozenset(
    [
        "script",
        "style",
        "iframe",
        "frame",
        "frameset",
        "object",
        "embed",
        "applet",
        "base",
        "meta",
        "svg",
        "noscript",
        "template",
    ]
)
"""Nodes and marks named like an HTML element that runs or loads code, or changes the page around it."""

_URLS: Final = frozenset({"href", "src", "xlink:href", "formaction", "poster"})
_SCHEME = re.compile(r"([^/?#:]*+):")
_CONTROLS: Final = "".join(map(chr, range(0x21)))
_HANDLER = re.compile(r"on[a-z]", re.IGNORECASE)


def is_safe_url(url: str) -> bool:
    """Return whether a link is safe to follow: it has a safe scheme, or is relative, or is a fragment."""
    scheme = _SCHEME.match(url)
    return scheme is None or scheme[1].lstrip(_CONTROLS).lower() in SAFE_SCHEMES


def unsafe_part(node: _Node) -> tuple[str, str] | None:
    """Return the first unsafe part of a node, apart from its child nodes.

    Args:
        node: A well-formed node.

    Returns:
        The requirement it violates, and the path of the part within the node; None if the node is safe.
    """
    if node["type"].casefold() in REFUSED_TYPES:
        return f"must not have nodes of type {node['type']}", ""
    if attributes := node.get("attrs"):
        for problem, path in _unsafe_attributes(attributes):
            return problem, f".attrs{path}"
    for index, mark in enumerate(node.get("marks") or ()):
        if mark["type"].casefold() in REFUSED_TYPES:
            return f"must not have marks of type {mark['type']}", f".marks[{index}]"
        for problem, path in _unsafe_attributes(mark.get("attrs") or {}):
            return problem, f".marks[{index}].attrs{path}"
    return None


def make_safe(document: _Node) -> _Node:
    """Return a stored document without its unsafe parts; the same object if it has none.

    Unsafe nodes are removed with all their descendants, other unsafe parts by themselves.
    """
    safe = _safe_node(document)
    return safe if safe is not None else {"type": "doc", "content": []}


def _safe_node(node: _Node) -> _Node | None:
    if node["type"].casefold() in REFUSED_TYPES:
        return None
    cleaned = node if unsafe_part(node) is None else _without_unsafe_parts(node)
    content = node.get("content")
    if not content:
        return cleaned
    children = [_safe_node(child) for child in content]
    if all(safe is child for safe, child in zip(children, content, strict=True)):
        return cleaned
    return {**cleaned, "content": [child for child in children if child is not None]}


def _without_unsafe_parts(node: _Node) -> _Node:
    cleaned = dict(node)
    if node.get("attrs"):
        cleaned["attrs"] = _safe_attributes(node["attrs"])
    if node.get("marks"):
        cleaned["marks"] = [
            mark
            for mark in node["marks"]
            if mark["type"].casefold() not in REFUSED_TYPES
            and not any(_unsafe_attributes(mark.get("attrs") or {}))
        ]
    return cleaned


def _safe_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _safe_attributes(value) if isinstance(value, dict) else value
        for name, value in attributes.items()
        if _attribute_problem(name, value) is None
    }


def _unsafe_attributes(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the requirement and the path of each unsafe attribute, nested objects included."""
    for name, value in attributes.items():
        if (problem := _attribute_problem(name, value)) is not None:
            yield problem, f".{name}"
        elif isinstance(value, dict):
            for inner, path in _unsafe_attributes(value):
                yield inner, f".{name}{path}"


def _attribute_problem(name: str, value: Any) -> str | None:
    # Numbers, booleans and null cannot run code. A browser turns a list into a string when it sets an attribute.
    if value is None or isinstance(value, (bool, int, float)):
        return None
    lower = name.casefold()
    if lower == "srcdoc" or (_HANDLER.match(lower) and not isinstance(value, dict)):
        return f"must not have attributes such as {name}"
    if lower not in _URLS:
        return None
    if isinstance(value, str) and len(value) > HREF_MAX:
        return f"must have links whose {lower} is at most {HREF_MAX:,} characters"
    if not isinstance(value, str) or not is_safe_url(value):
        return f"must have links whose {lower} is relative or begins with one of {', '.join(sorted(SAFE_SCHEMES))}"
    return None
