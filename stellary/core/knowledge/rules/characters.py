"""Character classes of CommonMark: the characters beside ``**`` or ``_`` decide whether these open or close a mark."""

from __future__ import annotations

import functools
import unicodedata
from typing import Final, Literal

CharacterKind = Literal["space", "punctuation", "other"]

WHITE_SPACE: Final = " \t\n\v\f\r\xa0\u1680\u202f\u205f\u3000\u2028\u2029" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""Characters that Markdown removes at both ends of a text."""


@functools.lru_cache(maxsize=4096)
def kind_of(character: str) -> CharacterKind:
    """Return the class of a character; no character, as before and after a line, counts as a space."""
    if character in ("", "\t", "\n", "\v", "\f", "\r"):
        return "space"
    category = unicodedata.category(character)
    if category == "Zs":
        return "space"
    return "punctuation" if category[0] in "PS" else "other"


def flanking(marker: str, before: CharacterKind, after: CharacterKind) -> tuple[bool, bool]:
    """Return whether a sequence of markers, such as ``**``, can open a mark, and whether it can close one.

    Args:
        marker: One of its characters.
        before: The class of the character before the run.
        after: The class of the character after the run.

    Returns:
        Both results, as a pair.
    """
    left_flanking = after != "space" and (after != "punctuation" or before != "other")
    right_flanking = before != "space" and (before != "punctuation" or after != "other")
    if marker != "_":
        return left_flanking, right_flanking
    return left_flanking and (not right_flanking or before == "punctuation"), right_flanking and (
        not left_flanking or after == "punctuation"
    )
