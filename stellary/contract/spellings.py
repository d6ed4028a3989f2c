"""Spellings of a name that count as the same one: they differ in case, blanks and accents, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from unicodedata import normalize

T = TypeVar("T")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
# In other scripts a mark makes another letter, such as й, or another word.
ACCENTED = "([a-zæøα-ω])[\u0300-\u0331]+"  # noqa: RUF001
"""The regular expression of a Latin or Greek letter with accents, for Python and PostgreSQL."""


def find_named(name: str, items: Sequence[T], list_names: Callable[[T], Iterable[str]]) -> list[T]:
    """Return the items with a name, by the strictest comparison that any of them passes.

    An exact name wins over one that differs in case or blanks, then over one that differs in accents.

    Args:
        name: The name.
        items: The items to choose from.
        list_names: Returns the names of an item.
    """
    for fold in (str, fold_case, fold_accents):
        folded = fold(name)
        if matches := [item for item in items if folded in map(fold, list_names(item))]:
            return matches
    return []


def fold_case(name: str) -> str:
    """Return a case-folded name with single blanks. In an e-mail address, other letters are another mailbox."""
    words = " ".join(name.split())
    if _ADDRESS.fullmatch(words):
        return words.lower() if words.isascii() else words
    return normalize("NFC", normalize("NFC", words).casefold())


def fold_accents(name: str) -> str:
    """Return a case-folded name without the accents of Latin and Greek letters: ``Öl`` becomes ``ol``."""
    folded = fold_case(name)
    if folded.isascii() or _ADDRESS.fullmatch(folded):
        return folded
    return normalize("NFC", re.sub(ACCENTED, r"\1", normalize("NFD", folded)))
