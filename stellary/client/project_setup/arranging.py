"""The smallest number of moves that bring items into a declared order. Undeclared items keep their positions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import attrs


@attrs.frozen
class Placement:
    """An insertion or a move, one step of a sequence.

    Attributes:
        key: The item to place.
        index: Its position from 0, in the list as the previous steps leave it.
        after: The key of the item before it; None at the beginning of the list.
        is_new: True for an insertion, False for a move.
    """

    key: str
    index: int
    after: str | None
    is_new: bool


def plan_moves(current: Sequence[str], target: Sequence[str]) -> list[Placement]:
    """Return the steps, to be done in sequence, that bring the keys of ``target`` into that order.

    Keys that are not in ``target`` never move.

    Args:
        current: The keys in the list, in its order.
        target: The keys in the desired order. A key that is not in ``current`` is new, and is inserted after its predecessor.
    """
    order = {key: position for position, key in enumerate(target)}
    shared = [key for key in current if key in order]
    fixed = {shared[index] for index in _longest_increasing_run([order[key] for key in shared])}
    now = list(current)
    placements = []
    for position, key in enumerate(target):
        if key in fixed:
            continue
        is_new = key not in now
        if not is_new:
            now.remove(key)
        if position:
            index = now.index(target[position - 1]) + 1
        else:
            index = next((at for at, other in enumerate(now) if other in order), len(now))
        placements.append(Placement(key, index, now[index - 1] if index else None, is_new))
        now.insert(index, key)
    return placements


def _longest_increasing_run(positions: Sequence[int]) -> list[int]:
    """Return the indices of a longest increasing subsequence."""
    # For each length, the smallest last value of a subsequence of that length, and its index.
    ends: list[int] = []
    end_indices: list[int] = []
    before: list[int] = []
    for at, position in enumerate(positions):
        length = bisect_left(ends, position)
        before.append(end_indices[length - 1] if length else -1)
        if length == len(ends):
            ends.append(position)
            end_indices.append(at)
        else:
            ends[length], end_indices[length] = position, at
    run = []
    at = end_indices[-1] if end_indices else -1
    while at >= 0:
        run.append(at)
        at = before[at]
    return run[::-1]
