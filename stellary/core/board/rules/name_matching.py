"""Name matching: finding the item that an id or a name refers to. Similar names are only suggested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.spellings import find_named, fold_accents
from stellary.contract.wire import invalid
from stellary.core.board.rules.references import unknown

_COMPARED_MAX = 100
_CANDIDATES_MAX = 1_000
_SHOWN_MAX = 5


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
    """Return the candidates that a text refers to: by id, else by name, else by a short name.

    Args:
        text: An id or a name.
        candidates: The items to choose from.
    """
    return (
        [candidate for candidate in candidates if candidate.id == text]
        or find_named(text, candidates, lambda candidate: candidate.names)
        or find_named(text, candidates, lambda candidate: candidate.short_names)
    )


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
    ordered = sorted(matches, key=lambda candidate: (candidate.names[0], candidate.id))
    return Invalid(
        f"{field} {text!r} could be {_list_candidates(ordered)}: give an id", code="ambiguous_name"
    )
