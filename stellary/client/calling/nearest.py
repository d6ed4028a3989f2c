"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """What somebody may have meant, as a clause to be appended; empty if nothing is near."""
    by_key = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), by_key, n=1, cutoff=0.6)
    return f"; did you mean {by_key[found[0]]!r}?" if found else ""
