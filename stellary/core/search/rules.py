"""How texts are compared, how good a hit is, and what is shown of it."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

IN_TITLE, IN_BODY = (6, 5, 4), (3, 2, 1)
"""What a word counts: where it stands as a word, where a word begins with it, where it is inside of one."""
TOGETHER_IN_TITLE, TOGETHER_IN_BODY = 2, 1
"""What comes on top where all words stand together, in the order of the query."""

LOOKED_AT = 20_000
_BEFORE, _AFTER = 60, 140
_ASKED = re.compile(r'"([^"]*)"?|([^\s"]+)')
_ACCENTS = range(0x300, 0x370)
_VARIANTS = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_SIGNS = frozenset(map(ord, "$<=>^`|~"))


def folded(text: str) -> str:
    """A text as it is compared: words with a space before and behind each.

    Case, accents and compatible forms (``ﬁ``, ``①``) make no difference; punctuation separates words, and so do
    the signs of markup and code. Other symbols count (``C++``, ``€``, emoji), and marks without which the words of a script
    would be other ones (Thai, Devanagari).
    """
    words = _compatible(text).translate(_separators()).split()
    return f" {' '.join(words)} " if words else " "


def terms(query: str) -> list[str]:
    """What a query asks for, folded: single words, and words that must stand together since a quote or a sign joins
    them (``"blue sky"``, ``ENG-12``). None where it has neither letter nor digit nor symbol.
    """
    asked = (folded(quoted or bare).strip() for quoted, bare in _ASKED.findall(query))
    return list(dict.fromkeys(term for term in asked if term))


def snippet(text: str, wanted: Sequence[str]) -> str | None:
    """The place of a text where it first says something of what is wanted, or else its beginning.

    Args:
        text: As people have written it.
        wanted: The ``terms`` of the query.
    """
    at = _place(text, wanted)
    begin, end = max(0, at - _BEFORE), at + _AFTER
    if begin and (space := text.rfind(" ", begin - _BEFORE // 3, begin)) >= 0:
        begin = space
    if end < len(text) and (space := text.find(" ", end, end + _BEFORE // 3)) >= 0:
        end = space
    shown = " ".join(text[begin:end].split())
    if not shown:
        return None
    return f"{'…' if begin else ''}{shown}{'…' if end < len(text) else ''}"


def _place(text: str, wanted: Sequence[str]) -> int:
    alike = text.casefold()
    if len(alike) == len(text) and (places := _places(alike, wanted)):
        return min(places)
    # Letter by letter, so that it is known where each comes from: what is far down is not worth the time.
    letters: list[str] = []
    origins: list[int] = []
    for origin, letter in enumerate(text[:LOOKED_AT]):
        for form in _form(letter):
            if form != " " or letters[-1:] != [" "]:
                letters.append(form)
                origins.append(origin)
    return min((origins[place] for place in _places("".join(letters), wanted)), default=0)


def _places(text: str, wanted: Sequence[str]) -> list[int]:
    return [place for term in wanted if (place := text.find(term)) >= 0]


@functools.lru_cache(maxsize=4096)
def _form(letter: str) -> str:
    return _compatible(letter).translate(_separators())


def _compatible(text: str) -> str:
    # Twice: compatible forms can be capitals (㎒), and small letters can be composed.
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


@functools.cache
def _separators() -> Mapping[int, str | None]:
    """What separates words, and what is nothing at all: accents, joiners, soft hyphens."""
    found: dict[int, str | None] = {}
    # The planes between hold ideographs and nothing else.
    for code in (*range(0x20000), *range(0xE0000, 0xE0100)):
        category = unicodedata.category(chr(code))
        if category == "Cf":
            found[code] = None
        elif category[0] in "PZ" or category == "Cc" or code in _SIGNS:
            found[code] = " "
    return found | dict.fromkeys((*_ACCENTS, *_VARIANTS))
