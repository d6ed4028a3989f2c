"""Construction of HTML and SVG from elements, so that text from users never becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_VOID = frozenset({"br", "meta"})
# Control characters, bidirectional overrides, surrogates and noncharacters, which text for people never needs.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

# Keeps a heading out of JupyterLab's table of contents, which would also put a number into it.
_NO_CONTENTS = "jp-toc-ignore"
TITLE_CLASSES = f"sty-title {_NO_CONTENTS}"
HEADING_CLASSES = f"sty-h {_NO_CONTENTS}"


class Markup(str):
    """A string of finished markup, which is not escaped."""

    __slots__ = ()


def readable(text: Any) -> str:
    """Return a text without characters that control a terminal or the direction of text; None becomes an empty string."""
    return "" if text is None else _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def line(text: Any, most: int) -> str:
    """Return a readable text on one line, truncated to ``most`` characters."""
    collapsed = " ".join(readable(text).split())
    return collapsed if len(collapsed) <= most else collapsed[: most - 1].rstrip() + "…"


def parse_color(text: Any) -> str | None:
    """Return a ``#rrggbb`` colour in lower case; None for any other text."""
    return text.lower() if isinstance(text, str) and _COLOR.match(text) else None


def el(tag: str, /, *children: Any, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        tag: The name of the element.
        children: Texts, which are escaped; Markup; nested lists of these. None is skipped.
        attributes: ``class_`` becomes ``class``, ``aria_label`` becomes ``aria-label``; None omits the attribute.
    """
    rendered_attributes = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(readable(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{rendered_attributes}>")
    return Markup(f"<{tag}{rendered_attributes}>{render_children(children)}</{tag}>")


def render_children(children: Iterable[Any]) -> Markup:
    """Return the escaped content of an element."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(readable(child)))
        else:
            parts.append(render_children(child))
    return Markup("".join(parts))


def percent(share: float) -> str:
    """Return a share from 0 to 1 as a CSS percentage."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}".rstrip("0").rstrip(".") + "%"
