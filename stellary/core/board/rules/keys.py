"""Project keys: the 2 to 6 capital letters that prefix the keys of a project's cards."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator
from string import ascii_uppercase

KEY_MAX = 6
_FALLBACK = "PRO"


def find_free_key(name: str, taken: Collection[str]) -> str:
    """Return the first suggested key that no project of the workspace has.

    ``Q1 Launch`` → ``QL``, ``Website`` → ``WEB``; a second ``Website`` → ``WEBS``, and so on.

    Args:
        name: The name of the project.
        taken: The keys of the workspace.
    """
    return next(key for key in suggest_keys(name) if key not in taken)


def suggest_keys(name: str) -> Iterator[str]:
    """Yield keys for a project name: first similar ones, then all others."""
    words = _words(name)
    initials = "".join(word[0] for word in words)[:KEY_MAX]
    letters = "".join(words)
    if len(initials) < 2:
        initials = letters[:3] if len(letters) >= 2 else _FALLBACK
    yield initials
    for length in range(3, KEY_MAX + 1):
        if len(letters) >= length:
            yield letters[:length]
    yield from (
        initials[: KEY_MAX - count] + "".join(end)
        for count in range(1, KEY_MAX)
        for end in itertools.product(ascii_uppercase, repeat=count)
    )


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    return re.findall("[A-Z]+", plain)
