"""Circles: cards that would block, or be the parents of, each other. The API refuses the relation that closes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.state import Edge

ACYCLIC = ("blocks", "parent_of")
_SHOWN = 6
"""Cards of a circle that a message names."""


@attrs.frozen
class Declared:
    """A relation that is declared, and where."""

    edge: Edge
    path: str


def note_circles(
    declared: Sequence[Declared], others: Iterable[Edge], titles: Mapping[str, str], problems: Problems
) -> None:
    """Note each circle at a relation of it that is declared.

    Args:
        declared: What shall be.
        others: The relations that are there, and stay.
        titles: What cards are called, by id.
        problems: Is told.
    """
    for type in ACYCLIC:
        own = [each for each in declared if each.edge.type == type]
        edges = [each.edge for each in own] + [each for each in others if each.type == type]
        targets: dict[str, list[str]] = {}
        for edge in edges:
            targets.setdefault(edge.source, []).append(edge.target)
        told: set[str] = set()
        for each in own:
            circle = _way(targets, each.edge.target, each.edge.source)
            if circle and told.isdisjoint(circle):
                told.update(circle)
                problems.note(each.path, _message(type, [titles.get(id, id.lstrip("+")) for id in circle]))


def _way(targets: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """Return the cards on a shortest way from one to another, both included; nothing if there is none."""
    before: dict[str, str] = {start: ""}
    queue = [start]
    for card in queue:
        if card == end:
            way = [card]
            while before[way[-1]]:
                way.append(before[way[-1]])
            return way[::-1]
        for target in targets.get(card, ()):
            if target not in before:
                before[target] = card
                queue.append(target)
    return []


def _message(type: str, titles: list[str]) -> str:
    if len(titles) == 1:
        return "must be another card"
    verb = "blocks" if type == "blocks" else "is the parent of"
    shown = titles if len(titles) <= _SHOWN else [*titles[: _SHOWN - 1], "…"]
    names = f" {verb} ".join(f'"{title}"' if title != "…" else title for title in [*shown, titles[0]])
    return f"goes in a circle: {names}"
