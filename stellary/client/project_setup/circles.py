"""Cycles: cards that would block each other, or be each other's parents, which the API rejects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.state import Edge

ACYCLIC = ("blocks", "parent_of")
_NAMES_MAX = 6
"""The maximum number of cards of a cycle that a message names."""


@attrs.frozen
class DeclaredRelation:
    """A relation that is declared, and its path in the declaration."""

    edge: Edge
    path: str


def note_cycles(
    declared: Sequence[DeclaredRelation],
    remaining: Iterable[Edge],
    titles: Mapping[str, str],
    problems: ProblemCollector,
) -> None:
    """Note each cycle, at a declared relation that is part of it.

    Args:
        declared: The declared relations.
        remaining: The existing relations that are not deleted.
        titles: Card titles by id.
        problems: Collects the problems.
    """
    for type in ACYCLIC:
        relations = [relation for relation in declared if relation.edge.type == type]
        edges = [relation.edge for relation in relations] + [edge for edge in remaining if edge.type == type]
        targets: dict[str, list[str]] = {}
        for edge in edges:
            targets.setdefault(edge.source, []).append(edge.target)
        noted: set[str] = set()
        for relation in relations:
            cycle = _find_path(targets, relation.edge.target, relation.edge.source)
            if cycle and noted.isdisjoint(cycle):
                noted.update(cycle)
                problems.note(relation.path, _message(type, [titles.get(id, id.lstrip("+")) for id in cycle]))


def _find_path(targets: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """Return the cards on a shortest path between two cards, both included; an empty list if there is none."""
    before: dict[str, str] = {start: ""}
    queue = [start]
    for card in queue:
        if card == end:
            path = [card]
            while before[path[-1]]:
                path.append(before[path[-1]])
            return path[::-1]
        for target in targets.get(card, ()):
            if target not in before:
                before[target] = card
                queue.append(target)
    return []


def _message(type: str, titles: list[str]) -> str:
    if len(titles) == 1:
        return "must be another card"
    verb = "blocks" if type == "blocks" else "is the parent of"
    shown_titles = titles if len(titles) <= _NAMES_MAX else [*titles[: _NAMES_MAX - 1], "…"]
    names = f" {verb} ".join(f'"{title}"' if title != "…" else title for title in [*shown_titles, titles[0]])
    return f"creates a cycle: {names}"
