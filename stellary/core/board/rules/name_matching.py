"""Name matching: finding the item that an id, a name or a misspelled name refers to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from unicodedata import combining, normalize

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.wire import invalid
from stellary.core.board.rules.references import unknown

NEAR = 0.75
_COMPARED_MAX = 100
_SHOWN_MAX = 5
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@attrs.frozen
class Candidate:
    """An item that a text may refer to.

    Attributes:
        id: The id, which always matches.
        names: The names; the first one is shown in messages.
        short_names: Short forms, such as the first name of a person. A form that two candidates share matches neither.
    """

    id: str
    names: tuple[str, ...]
    short_names: tuple[str, ...] = ()


def first_names(name: str) -> tuple[str, ...]:
    """Return the first word of a name that has several."""
    words = name.split()
    return (words[0],) if len(words) > 1 else ()


def resolve_one(text: str, candidates: Sequence[Candidate], field: str) -> str:
    """Return the id of the one candidate that a text refers to.

    An exact match wins over one that differs in case, then in accents, then over a short name, then over a similar
    name. Nothing is guessed between two equally good matches.

    Args:
        text: An id or a name.
        candidates: The items to choose from.
        field: The wire name of the field that has the text.

    Raises:
        Invalid: No candidate matches, or several do: the message lists up to five of them.
    """
    for is_match in _build_matchers(text):
        matches = [candidate for candidate in candidates if is_match(candidate)]
        if len(matches) == 1:
            return matches[0].id
        if matches:
            raise build_ambiguity_error(field, text, matches)
    raise build_no_match_error(field, text, candidates)


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
    matcher = SequenceMatcher(b=_simplify(text)[:_COMPARED_MAX], autojunk=False)

    def distance(candidate: Candidate) -> float:
        likeness = 0.0
        for name in (*candidate.names, *candidate.short_names):
            matcher.set_seq1(_simplify(name)[:_COMPARED_MAX])
            likeness = max(likeness, matcher.quick_ratio())
        return -likeness

    nearest = _list_candidates(sorted(candidates, key=distance))
    return invalid(
        (
            field,
            f"must be the id or the name of an existing item; {_shorten(text)!r} is neither; the most similar names are {nearest}",
        )
    )


def _list_candidates(candidates: Sequence[Candidate]) -> str:
    names = ", ".join(
        f"{_shorten(candidate.names[0])!r} ({candidate.id})" for candidate in candidates[:_SHOWN_MAX]
    )
    return f"{names} and {len(candidates) - _SHOWN_MAX} more" if len(candidates) > _SHOWN_MAX else names


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
    folded_text, simple_text = _fold(text), _simplify(text)
    yield lambda candidate: candidate.id == text
    yield lambda candidate: text in candidate.names
    yield lambda candidate: any(_fold(name) == folded_text for name in candidate.names)
    yield lambda candidate: any(_simplify(name) == simple_text for name in candidate.names)
    yield lambda candidate: any(_simplify(name) == simple_text for name in candidate.short_names)
    matcher = SequenceMatcher(b=simple_text[:_COMPARED_MAX], autojunk=False)
    # E-mail addresses must match exactly: a similar one belongs to another person.
    if not _ADDRESS.fullmatch(text):
        yield lambda candidate: any(
            _is_near(matcher, simple_text, _simplify(name))
            for name in candidate.names
            if not _ADDRESS.fullmatch(name)
        )


def _is_near(matcher: SequenceMatcher[str], text: str, name: str) -> bool:
    # A spelling mistake may split a word, but does not add one: "Ann Lee soon" is not "Ann Lee".
    if text.count(" ") > name.count(" ") and text.replace(" ", "") != name.replace(" ", ""):
        return False
    matcher.set_seq1(name[:_COMPARED_MAX])
    # The quick ratios are upper bounds, so that the slow one is seldom computed.
    return matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _simplify(text: str) -> str:
    """Return a case-folded text without accents: ``Übergröße`` becomes ``ubergrosse``."""
    folded = _fold(text)
    if folded.isascii():
        return folded
    return "".join(letter for letter in normalize("NFKD", folded) if not combining(letter))
