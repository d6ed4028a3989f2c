"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SUGGESTED_MAX = 5
COMPARED_MAX = 2_000


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return a clause that suggests longer and similar names, to append to a message; empty if there are none.

    Args:
        name: The unknown name.
        candidates: The existing names.

    Returns:
        The clause with a leading semicolon, such as ``; did you mean 'Bug' or 'Bags'?``, with at most five names.
    """
    folded = name.casefold()
    by_key = {candidate.casefold(): candidate for candidate in candidates}
    similar = [key for key in by_key if folded and key.startswith(folded)]
    similar += get_close_matches(folded, list(by_key)[:COMPARED_MAX], SUGGESTED_MAX, cutoff=0.6)
    names = [repr(by_key[key]) for key in dict.fromkeys(similar)][:SUGGESTED_MAX]
    return f"; did you mean {' or '.join(names)}?" if names else ""
