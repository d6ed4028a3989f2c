"""Rules of search: comparison of texts, ranks, and snippets. Pure functions."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

IN_TITLE, IN_BODY = (6, 5, 4), (3, 2, 1)
"""The rank of a term that is a whole word, the beginning of a word, or inside a word."""
TOGETHER_IN_TITLE, TOGETHER_IN_BODY = 2, 1
"""The additional rank if all words are adjacent, in the order of the query."""

SNIPPET_SEARCH_MAX = 20_000
_BEFORE, _AFTER = 60, 140
_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')
_ACCENTS = range(0x300, 0x370)
_VARIANTS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_SIGNS = frozenset(map(ord, "$<=>^`|~"))


def fold(text: str) -> str:
    """Return a text in the form in which texts are compared: words with a space before and after each.

    Case, accents and compatible forms (``ﬁ``, ``①``) make no difference; punctuation separates words, and so do
    the signs of markup and code. Other symbols are kept (``C++``, ``€``, emoji), and so are marks that
    distinguish words in some scripts (Thai, Devanagari).
    """
    words = _compatible(text).translate(_separators()).split()
    return f" {' '.join(words)} " if words else " "


def parse_terms(query: str) -> list[str]:
    """Return the folded terms of a query: words, and phrases in quotes or joined by punctuation (``"blue sky"``, ``ENG-12``).

    The list is empty if the query has no letter, digit or symbol.
    """
    folded_terms = (fold(quoted or bare).strip() for quoted, bare in _TERM.findall(query))
    return list(dict.fromkeys(term for term in folded_terms if term))


def make_snippet(text: str, search_terms: Sequence[str]) -> str | None:
    """Return the part of a text around the first match, or else its beginning.

    Args:
        text: The original text.
        search_terms: The terms of the query.
    """
    position = _find_first(text, search_terms)
    begin, end = max(0, position - _BEFORE), position + _AFTER
    if begin and (space := text.rfind(" ", begin - _BEFORE // 3, begin)) >= 0:
        begin = space
    if end < len(text) and (space := text.find(" ", end, end + _BEFORE // 3)) >= 0:
        end = space
    excerpt = " ".join(text[begin:end].split())
    if not excerpt:
        return None
    return f"{'…' if begin else ''}{excerpt}{'…' if end < len(text) else ''}"


def _find_first(text: str, search_terms: Sequence[str]) -> int:
    lowered = text.casefold()
    if len(lowered) == len(text) and (positions := _find_all(lowered, search_terms)):
        return min(positions)
    # Letter by letter, to map positions in the folded text to the original; limited to the beginning of long texts.
    letters: list[str] = []
    origins: list[int] = []
    for origin, letter in enumerate(text[:SNIPPET_SEARCH_MAX]):
        for form in _fold_letter(letter):
            if form != " " or letters[-1:] != [" "]:
                letters.append(form)
                origins.append(origin)
    return min((origins[position] for position in _find_all("".join(letters), search_terms)), default=0)


def _find_all(text: str, search_terms: Sequence[str]) -> list[int]:
    return [position for term in search_terms if (position := text.find(term)) >= 0]


@functools.lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    return _compatible(letter).translate(_separators())


def _compatible(text: str) -> str:
    # Case-folded twice, since compatible forms can contain capitals (㎒), and lower-case letters can be composed.
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


@functools.cache
def _separators() -> Mapping[int, str | None]:
    """Return a translation table: separators of words to a space; accents, joiners and soft hyphens to nothing."""
    table: dict[int, str | None] = {}
    # The planes in between contain only ideographs.
    for code in (*range(0x20000), *range(0xE0000, 0xE0100)):
        category = unicodedata.category(chr(code))
        if category == "Cf":
            table[code] = None
        elif category[0] in "PZ" or category == "Cc" or code in _SIGNS:
            table[code] = " "
    return table | dict.fromkeys((*_ACCENTS, *_VARIANTS))
