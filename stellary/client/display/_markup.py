"""Markup: HTML and SVG by construction, so that no text of anybody becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_VOID = frozenset({"br", "meta"})
# What no text should hold that people read: control characters, and what turns the direction of all that follows.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

# Keeps a heading out of JupyterLab's table of contents, which would also put a number into it.
_NO_CONTENTS = "jp-toc-ignore"
TITLE_CLASSES = f"sty-title {_NO_CONTENTS}"
HEADING_CLASSES = f"sty-h {_NO_CONTENTS}"


class Markup(str):
    """A text that is markup already."""

    __slots__ = ()


def readable(text: Any) -> str:
    """A text without what would do something to a terminal or a page; None is nothing."""
    return "" if text is None else _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(text))


def line(text: Any, most: int) -> str:
    """The same on one line, and cut where it is longer than that."""
    found = " ".join(readable(text).split())
    return found if len(found) <= most else found[: most - 1].rstrip() + "…"


def color(text: Any) -> str | None:
    """A colour if it is one, ``#rrggbb``; what else may be meant is none."""
    return text.lower() if isinstance(text, str) and _COLOR.match(text) else None


def el(tag: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element.

    Args:
        children: Texts, which are escaped; Markup; lists of these; None is nothing.
        attributes: ``class_`` for ``class``, ``aria_label`` for ``aria-label``; None is left out.
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(readable(found))}"'
        for name, found in attributes.items()
        if found is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{inside(children)}</{tag}>")


def inside(children: Iterable[Any]) -> Markup:
    """What an element holds."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(readable(child)))
        else:
            parts.append(inside(child))
    return Markup("".join(parts))


def percent(share: float) -> str:
    """A share from 0 to 1, as lengths are said."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}".rstrip("0").rstrip(".") + "%"
