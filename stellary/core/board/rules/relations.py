"""Rules of relations: the stored form of a relation, and its type as seen by each of its cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from stellary.contract.relations import RelationType, SeenRelationType

ACYCLIC: Final = ("blocks", "parent_of")
"""The types whose relations must not form a cycle."""

_FROM_TARGET: Final[Mapping[str, SeenRelationType]] = {
    "blocks": "blocked_by",
    "related_to": "related_to",
    "duplicates": "duplicated_by",
    "parent_of": "child_of",
}
_FROM_SOURCE: Final[Mapping[str, str]] = {
    inverse: type for type, inverse in _FROM_TARGET.items() if inverse != type
}
"""The stored type of each type that is only seen by a target."""


@attrs.frozen
class Edge:
    """A relation in its stored form: one row, from the source to the target.

    Attributes:
        type: The type as seen by the source; ``related_to`` goes from the older card to the newer one.
    """

    source_id: str
    target_id: str
    type: str


def build_edge(card_id: str, target_id: str, type: RelationType | SeenRelationType) -> Edge:
    """Return the stored form of a relation. A blocked card is the target, whichever of the two cards names the relation.

    Args:
        card_id: The card to which the relation is added.
        target_id: The other card.
        type: The type as seen by ``card_id``.
    """
    if type in _FROM_SOURCE:
        return Edge(target_id, card_id, _FROM_SOURCE[type])
    if type == "related_to":
        return Edge(min(card_id, target_id), max(card_id, target_id), type)
    return Edge(card_id, target_id, type)


def type_seen_by(type: str, *, from_source: bool) -> SeenRelationType:
    """Return the type of a relation as seen by its source or its target.

    Args:
        type: The stored type.
        from_source: Whether the source sees it.
    """
    return _FROM_TARGET[type] if not from_source else type  # type: ignore[return-value] # a stored type is one
