"""Arranging: the fewest moves that bring what is declared into its order, among things that keep their places."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import attrs


@attrs.frozen
class Put:
    """To put something at an index, counted in the list as it is by then.

    Attributes:
        after: What stands before it then; None for nothing.
        is_new: Whether it is not in the list yet.
    """

    key: str
    index: int
    after: str | None
    is_new: bool


def arranged(there: Sequence[str], wanted: Sequence[str]) -> list[Put]:
    """What to put where, one after the other, so that ``wanted`` stand in that order.

    What is not among ``wanted`` is never moved.

    Args:
        there: The keys in the list, in its order.
        wanted: Keys in the order that they shall have; one that is not there is new, and comes after the one before it.
    """
    order = {key: place for place, key in enumerate(wanted)}
    known = [key for key in there if key in order]
    fixed = {known[at] for at in _longest_run([order[key] for key in known])}
    now = list(there)
    puts = []
    for place, key in enumerate(wanted):
        if key in fixed:
            continue
        is_new = key not in now
        if not is_new:
            now.remove(key)
        if place:
            index = now.index(wanted[place - 1]) + 1
        else:
            index = next((at for at, each in enumerate(now) if each in order), len(now))
        puts.append(Put(key, index, now[index - 1] if index else None, is_new))
        now.insert(index, key)
    return puts


def _longest_run(places: Sequence[int]) -> list[int]:
    """The indices of a longest part of a list that rises."""
    ends: list[int] = []
    at_ends: list[int] = []
    before: list[int] = []
    for at, place in enumerate(places):
        length = bisect_left(ends, place)
        before.append(at_ends[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            at_ends.append(at)
        else:
            ends[length], at_ends[length] = place, at
    run = []
    at = at_ends[-1] if at_ends else -1
    while at >= 0:
        run.append(at)
        at = before[at]
    return run[::-1]
