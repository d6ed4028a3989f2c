"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return a clause that suggests the most similar name, to append to a message; empty if none is similar.

    Args:
        name: The unknown name.
        candidates: The existing names.

    Returns:
        The clause with a leading semicolon, such as ``; did you mean 'Bug'?``.
    """
    by_key = {candidate.casefold(): candidate for candidate in candidates}
    matches = get_close_matches(name.casefold(), by_key, n=1, cutoff=0.6)
    return f"; did you mean {by_key[matches[0]]!r}?" if matches else ""
