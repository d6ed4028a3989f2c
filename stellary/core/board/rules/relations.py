"""Relations: how one is kept for both cards, and how each of them sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from stellary.contract.relations import RelationType, SeenRelationType

ACYCLIC: Final = ("blocks", "parent_of")
"""Types that must not lead back to where they came from."""

_FROM_TARGET: Final[Mapping[str, SeenRelationType]] = {
    "blocks": "blocked_by",
    "related_to": "related_to",
    "duplicates": "duplicated_by",
    "parent_of": "child_of",
}
_FROM_SOURCE: Final[Mapping[str, str]] = {seen: type for type, seen in _FROM_TARGET.items() if seen != type}
"""How a source sees what its target says of it."""


@attrs.frozen
class Edge:
    """A relation as it is kept: once, from the source to the target.

    Attributes:
        type: One that is read from the source; ``related_to`` goes from the older card to the newer one.
    """

    source_id: str
    target_id: str
    type: str


def edge(card_id: str, target_id: str, type: RelationType | SeenRelationType) -> Edge:
    """How a relation is kept that is said of two cards: what is blocked is a target, whichever of them said it."""
    if type in _FROM_SOURCE:
        return Edge(target_id, card_id, _FROM_SOURCE[type])
    if type == "related_to":
        return Edge(min(card_id, target_id), max(card_id, target_id), type)
    return Edge(card_id, target_id, type)


def seen(type: str, *, from_source: bool) -> SeenRelationType:
    """What a relation is called by the card from which it is seen."""
    return _FROM_TARGET[type] if not from_source else type  # type: ignore[return-value] # a type that is kept is one
