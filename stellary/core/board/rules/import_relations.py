"""Relations of imported cards: no duplicates, one parent per card, and no cycles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from stellary.contract.project_imports import ImportedRelation, NotCarried
from stellary.contract.wire import Unset, invalid
from stellary.core.board.rules.relations import ACYCLIC, Edge, build_edge


class EntryWithRelations(Protocol):
    """A card of the file, with its relations."""

    @property
    def relations(self) -> list[ImportedRelation] | Unset: ...


def build_relations(
    cards: Sequence[EntryWithRelations], card_indexes: Mapping[str, int], ids: Sequence[str], most: int
) -> tuple[list[Edge], list[NotCarried]]:
    """Return the relations between the cards of a file, and the relations to cards outside of it.

    Args:
        cards: The cards of the file.
        card_indexes: Their indexes, by their ids in the file.
        ids: Their new ids.
        most: The maximum number of relations.

    Raises:
        Invalid: A relation has no target, duplicates another one, or closes a cycle, or there are too many.
    """
    paths_by_edge: dict[Edge, str] = {}
    outside = []
    first_paths: dict[tuple[object, str], str] = {}
    parents: dict[str, str] = {}
    for card_index, card in enumerate(cards):
        for index, relation in enumerate(card.relations or ()):
            path = f"cards[{card_index}].relations[{index}]"
            if relation.target_card_id is None:
                outside.append(_outside(path, relation.target_key or "", relation.type))
                continue
            target = card_indexes.get(relation.target_card_id)
            if target is None or target == card_index:
                message = (
                    "must be the id of one of the file's cards" if target is None else "must be another card"
                )
                raise invalid((f"{path}.targetCardId", message))
            relation_edge = build_edge(ids[card_index], ids[target], relation.type)
            first = first_paths.setdefault((_pair(relation_edge), relation_edge.type), path)
            if first != path:
                raise invalid((path, f"must not repeat {first}"))
            if (
                relation_edge.type == "parent_of"
                and parents.setdefault(relation_edge.target_id, path) != path
            ):
                other = parents[relation_edge.target_id]
                raise invalid((path, f"must not give a card a second parent, in addition to {other}"))
            paths_by_edge[relation_edge] = path
            if len(paths_by_edge) > most:
                raise invalid(("cards", f"must not have more than {most} relations in all"))
    for type in ACYCLIC:
        if cycle_path := _find_cycle(
            {edge: path for edge, path in paths_by_edge.items() if edge.type == type}
        ):
            raise invalid((cycle_path, f"must not create a cycle of {type}"))
    return list(paths_by_edge), outside


def _pair(relation_edge: Edge) -> object:
    """Return the key that duplicate relations share. A reversed ``blocks`` or ``parent_of`` is a cycle, not a duplicate."""
    ends = (relation_edge.source_id, relation_edge.target_id)
    return ends if relation_edge.type in ACYCLIC else frozenset(ends)


def _outside(path: str, key: str, type: str) -> NotCarried:
    return NotCarried(
        kind="relation",
        path=path,
        name=f"{type} {key}".strip(),
        count=1,
        reason="the card at its other end is not in the file",
    )


def _find_cycle(edges: Mapping[Edge, str]) -> str | None:
    """Return the path of the last relation of a cycle; None if there is no cycle.

    Cards without incoming relations are removed until none remain, or only cycles and the cards that they lead to.
    """
    outgoing: dict[str, list[str]] = defaultdict(list)
    incoming: dict[str, int] = defaultdict(int)
    for edge in edges:
        outgoing[edge.source_id].append(edge.target_id)
        incoming[edge.target_id] += 1
    free = [id for id in outgoing if not incoming[id]]
    while free:
        for target in outgoing.pop(free.pop(), ()):
            incoming[target] -= 1
            if not incoming[target]:
                free.append(target)
    remaining = {id for id, count in incoming.items() if count}
    if not remaining:
        return None
    # Every remaining card has an incoming relation, so following relations backwards leads to a cycle.
    incoming_edges = {edge.target_id: edge for edge in edges if {edge.source_id, edge.target_id} <= remaining}
    visited: dict[str, int] = {}
    route: list[Edge] = []
    card_id = next(iter(incoming_edges))
    while card_id not in visited:
        visited[card_id] = len(route)
        route.append(incoming_edges[card_id])
        card_id = incoming_edges[card_id].source_id
    order = {path: card_index for card_index, path in enumerate(edges.values())}
    return max((edges[edge] for edge in route[visited[card_id] :]), key=order.__getitem__)
