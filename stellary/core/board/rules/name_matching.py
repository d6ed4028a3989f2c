"""Naming: which thing is meant by what somebody says: its id, what people call it, or nearly that."""

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
    """Something that can be named.

    Attributes:
        id: By which it is named in any case.
        names: What people call it; the first is shown to them.
        short_names: What it is called for short, such as the first name of a person. One that two things share names
            neither.
    """

    id: str
    names: tuple[str, ...]
    short_names: tuple[str, ...] = ()


def first_names(name: str) -> tuple[str, ...]:
    """Return the first word of a name that has several."""
    words = name.split()
    return (words[0],) if len(words) > 1 else ()


def resolve_one(said: str, things: Sequence[Candidate], field: str) -> str:
    """The id of the one thing that is meant.

    What is said exactly wins over what differs in case only, that over what differs in accents, that over a short name,
    and that over what is nearly right. Between two that are equally good nothing is guessed.

    Args:
        said: An id or a name.
        things: Those that can be meant.
        field: Where it was said.

    Raises:
        Invalid: Nothing is called so, or several things are: the message lists up to five that could be meant.
    """
    for fits in _readings(said):
        found = [thing for thing in things if fits(thing)]
        if len(found) == 1:
            return found[0].id
        if found:
            raise ambiguous(field, said, found)
    raise not_found(field, said, things)


def not_found(field: str, said: str, things: Sequence[Candidate]) -> Invalid:
    """Return the 400 of a name that nothing has, with the five things whose names are nearest.

    An id gets the fixed 400 of all ids that are not there.
    """
    if not things or re.fullmatch(ID_PATTERN, said):
        return unknown(field)
    matcher = SequenceMatcher(b=_plain(said)[:_COMPARED_MAX], autojunk=False)

    def distance(thing: Candidate) -> float:
        likeness = 0.0
        for name in (*thing.names, *thing.short_names):
            matcher.set_seq1(_plain(name)[:_COMPARED_MAX])
            likeness = max(likeness, matcher.quick_ratio())
        return -likeness

    nearest = _list_things(sorted(things, key=distance))
    return invalid(
        (
            field,
            f"must be the id of something that is there, or its name; {_shorten(said)!r} is neither, the nearest are {nearest}",
        )
    )


def _list_things(things: Sequence[Candidate]) -> str:
    shown = ", ".join(f"{_shorten(thing.names[0])!r} ({thing.id})" for thing in things[:_SHOWN_MAX])
    return f"{shown} and {len(things) - _SHOWN_MAX} more" if len(things) > _SHOWN_MAX else shown


def _shorten(name: str) -> str:
    return name if len(name) <= _COMPARED_MAX else f"{name[: _COMPARED_MAX - 1]}…"


def ambiguous(field: str, said: str, found: Sequence[Candidate]) -> Invalid:
    """The 400 that tells what could be meant."""
    return Invalid(f"{field} {said!r} could be {_list_things(found)}: give an id", code="ambiguous_name")


def _readings(said: str) -> Iterator[Callable[[Candidate], bool]]:
    """The ways in which a thing can be meant, the best first."""
    folded, plain = _folded(said), _plain(said)
    yield lambda thing: thing.id == said
    yield lambda thing: said in thing.names
    yield lambda thing: any(_folded(name) == folded for name in thing.names)
    yield lambda thing: any(_plain(name) == plain for name in thing.names)
    yield lambda thing: any(_plain(name) == plain for name in thing.short_names)
    matcher = SequenceMatcher(b=plain[:_COMPARED_MAX], autojunk=False)
    # An address that is nearly right is somebody else's.
    if not _ADDRESS.fullmatch(said):
        yield lambda thing: any(
            _is_near(matcher, _plain(name)) for name in thing.names if not _ADDRESS.fullmatch(name)
        )


def _is_near(matcher: SequenceMatcher[str], name: str) -> bool:
    matcher.set_seq1(name[:_COMPARED_MAX])
    # The quick ones are upper bounds, and spare the slow one for nearly all.
    return matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _plain(text: str) -> str:
    """The same without accents, and with letters of one kind for each: ``Übergröße`` as ``ubergrosse``."""
    folded = _folded(text)
    if folded.isascii():
        return folded
    return "".join(letter for letter in normalize("NFKD", folded) if not combining(letter))
