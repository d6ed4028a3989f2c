"""Relations of imported cards: each is said once, a card has one parent, and nothing goes in a circle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from stellary.contract.project_imports import IN_ALL_MAX, ImportedCard, NotCarried
from stellary.contract.wire import invalid
from stellary.core.board.rules.relations import ACYCLIC, Edge, edge


def related(
    cards: Sequence[ImportedCard], places: Mapping[str, int], ids: Sequence[str]
) -> tuple[list[Edge], list[NotCarried]]:
    """The relations of cards, and those that lead out of the file.

    Args:
        cards: As the file has them.
        places: Their places, by what the file calls them.
        ids: What they are called from now on.

    Raises:
        Invalid: One leads nowhere, says what another one has said, or closes a circle.
    """
    made: dict[Edge, str] = {}
    outside = []
    said: dict[tuple[object, str], str] = {}
    parents: dict[str, str] = {}
    for place, card in enumerate(cards):
        for index, relation in enumerate(card.relations or ()):
            path = f"cards[{place}].relations[{index}]"
            if relation.target_card_id is None:
                outside.append(_outside(path, relation.target_key or "", relation.type))
                continue
            target = places.get(relation.target_card_id)
            if target is None or target == place:
                wanted = (
                    "must be the id of one of the file's cards" if target is None else "must be another card"
                )
                raise invalid((f"{path}.targetCardId", wanted))
            kept = edge(ids[place], ids[target], relation.type)
            first = said.setdefault((_pair(kept), kept.type), path)
            if first != path:
                raise invalid((path, f"must not say again what {first} says"))
            if kept.type == "parent_of" and parents.setdefault(kept.target_id, path) != path:
                other = parents[kept.target_id]
                raise invalid((path, f"must not give a card a second parent, beside {other}"))
            made[kept] = path
            if len(made) > IN_ALL_MAX:
                raise invalid(("cards", f"must not have more than {IN_ALL_MAX} relations in all"))
    for type in ACYCLIC:
        if closing := _closing({each: path for each, path in made.items() if each.type == type}):
            raise invalid((closing, f"must not close a circle of {type}"))
    return list(made), outside


def _pair(kept: Edge) -> object:
    """What makes two relations of a type the same; a block or a parent the other way round is a circle of its own."""
    ends = (kept.source_id, kept.target_id)
    return ends if kept.type in ACYCLIC else frozenset(ends)


def _outside(path: str, key: str, type: str) -> NotCarried:
    return NotCarried(
        kind="relation",
        path=path,
        name=f"{type} {key}".strip(),
        count=1,
        reason="the card at its other end is not in the file",
    )


def _closing(edges: Mapping[Edge, str]) -> str | None:
    """Where the file closes a circle: the relation of one that comes last in it. None if there is none.

    What nothing leads to any more is taken away until nothing is left, or circles and what hangs on them.
    """
    onwards: dict[str, list[str]] = defaultdict(list)
    leading: dict[str, int] = defaultdict(int)
    for each in edges:
        onwards[each.source_id].append(each.target_id)
        leading[each.target_id] += 1
    free = [id for id in onwards if not leading[id]]
    while free:
        for target in onwards.pop(free.pop(), ()):
            leading[target] -= 1
            if not leading[target]:
                free.append(target)
    left = {id for id, count in leading.items() if count}
    if not left:
        return None
    # From any of them one comes into a circle by going back: each has something that leads to it.
    before = {each.target_id: each for each in edges if {each.source_id, each.target_id} <= left}
    seen: dict[str, int] = {}
    way: list[Edge] = []
    at = next(iter(before))
    while at not in seen:
        seen[at] = len(way)
        way.append(before[at])
        at = before[at].source_id
    order = {path: place for place, path in enumerate(edges.values())}
    return max((edges[each] for each in way[seen[at] :]), key=order.__getitem__)
