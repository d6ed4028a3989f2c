"""Name matching: finding the item that an id or a name refers to. Similar names are only suggested."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from unicodedata import normalize

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.wire import invalid
from stellary.core.board.rules.references import unknown

_COMPARED_MAX = 100
_CANDIDATES_MAX = 1_000
_SHOWN_MAX = 5
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
# In other scripts a mark makes another letter, such as й, or another word.
ACCENTED = "([a-zæøα-ω])[\u0300-\u0331]+"  # noqa: RUF001
"""The regular expression of a Latin or Greek letter with accents, for Python and PostgreSQL."""


@attrs.frozen
class Candidate:
    """An item that a text may refer to.

    Attributes:
        id: The id, which always matches.
        names: The names; the first one is shown in messages.
        short_names: Short forms, such as the first name of a person. A form that two candidates share matches neither.
        place: The name of what the item is in, to tell items of the same name apart in messages.
    """

    id: str
    names: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    place: str = ""


def first_names(name: str) -> tuple[str, ...]:
    """Return the first word of a name that has several."""
    words = name.split()
    return (words[0],) if len(words) > 1 else ()


def resolve_one(text: str, candidates: Sequence[Candidate], field: str) -> str:
    """Return the id of the one candidate that a text refers to.

    Args:
        text: An id or a name.
        candidates: The items to choose from.
        field: The wire name of the field that has the text.

    Raises:
        Invalid: No candidate matches, or several do: the message lists up to five of them.
    """
    matches = find_matches(text, candidates)
    if not matches:
        raise build_no_match_error(field, text, candidates)
    if len(matches) > 1:
        raise build_ambiguity_error(field, text, matches)
    return matches[0].id


def find_matches(text: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that a text refers to by the strictest comparison that any of them passes.

    An exact match wins over one that differs in case or blanks, then in accents, then over a short name. A name with
    any other difference is another name.

    Args:
        text: An id or a name.
        candidates: The items to choose from.
    """
    for is_match in _build_matchers(text):
        if matches := [candidate for candidate in candidates if is_match(candidate)]:
            return matches
    return []


def build_no_match_error(field: str, text: str, candidates: Sequence[Candidate]) -> Invalid:
    """Return the 400 for a name without a match, with the five most similar names.

    An unknown id gets the same 400 as in other requests.

    Args:
        field: The wire name of the field that has the text.
        text: The name.
        candidates: The items to choose from.
    """
    if not candidates or re.fullmatch(ID_PATTERN, text):
        return unknown(field)
    matcher = SequenceMatcher(b=fold_accents(text)[:_COMPARED_MAX], autojunk=False)

    def distance(candidate: Candidate) -> float:
        likeness = 0.0
        for name in (*candidate.names, *candidate.short_names):
            matcher.set_seq1(fold_accents(name)[:_COMPARED_MAX])
            likeness = max(likeness, matcher.quick_ratio())
        return -likeness

    nearest = _list_candidates(sorted(candidates[:_CANDIDATES_MAX], key=distance))
    return invalid(
        (
            field,
            f"must be the id or the name of an existing item; {_shorten(text)!r} is neither; the most similar names are {nearest}",
        )
    )


def _list_candidates(candidates: Sequence[Candidate]) -> str:
    names = ", ".join(_describe(candidate) for candidate in candidates[:_SHOWN_MAX])
    return f"{names} and {len(candidates) - _SHOWN_MAX} more" if len(candidates) > _SHOWN_MAX else names


def _describe(candidate: Candidate) -> str:
    place = f" in {_shorten(candidate.place)!r}" if candidate.place else ""
    return f"{_shorten(candidate.names[0])!r}{place} ({candidate.id})"


def _shorten(name: str) -> str:
    return name if len(name) <= _COMPARED_MAX else f"{name[: _COMPARED_MAX - 1]}…"


def build_ambiguity_error(field: str, text: str, matches: Sequence[Candidate]) -> Invalid:
    """Return the 400 for a name that matches several candidates.

    Args:
        field: The wire name of the field that has the text.
        text: The name.
        matches: The candidates that match it.
    """
    return Invalid(
        f"{field} {text!r} could be {_list_candidates(matches)}: give an id", code="ambiguous_name"
    )


def _build_matchers(text: str) -> Iterator[Callable[[Candidate], bool]]:
    """Yield predicates that match a candidate, the strictest first."""
    folded_text, simple_text = _fold(text), fold_accents(text)
    yield lambda candidate: candidate.id == text
    yield lambda candidate: text in candidate.names
    yield lambda candidate: any(_fold(name) == folded_text for name in candidate.names)
    yield lambda candidate: any(fold_accents(name) == simple_text for name in candidate.names)
    yield lambda candidate: any(fold_accents(name) == simple_text for name in candidate.short_names)


def _fold(text: str) -> str:
    """Return a case-folded text with single blanks. In an e-mail address, other letters are another mailbox."""
    words = " ".join(text.split())
    if _ADDRESS.fullmatch(words):
        return words.lower() if words.isascii() else words
    return normalize("NFC", normalize("NFC", words).casefold())


def fold_accents(text: str) -> str:
    """Return a case-folded text without the accents of Latin and Greek letters: ``Öl`` becomes ``ol``."""
    folded = _fold(text)
    if folded.isascii() or _ADDRESS.fullmatch(folded):
        return folded
    return normalize("NFC", re.sub(ACCENTED, r"\1", normalize("NFD", folded)))
