"""Relations between cards. Section Card Relations of the API reference."""

from __future__ import annotations

from typing import Literal

from stellary.contract.cards import CardStatus
from stellary.contract.endpoint import Collection
from stellary.contract.limits import Id
from stellary.contract.policies import BOARD_READ, BOARD_WRITE
from stellary.contract.refs import FlatCardRef, RelationRef
from stellary.contract.wire import RecordedItem, Request, Value

RelationType = Literal["blocks", "blocked_by", "related_to", "duplicates", "parent_of"]
"""The types that a relation can be created with."""

SeenRelationType = Literal[
    "blocks", "blocked_by", "related_to", "duplicates", "duplicated_by", "parent_of", "child_of"
]
"""The types that a relation can be read with: each relation is listed from both ends."""


class RelatedCard(Value):
    """The card at the other end of a relation."""

    id: str
    key: str
    title: str
    project_id: str
    column_id: str
    status: CardStatus
    archived: bool


class Relation(RecordedItem):
    """A relation between two cards, as seen from one of them.

    Attributes:
        card_id: The card from which the relation is seen.
        type: Reads as a sentence: this card ``blocks`` the target card.
        target_card_id: The id of the card at the other end; ``card`` has its details.
    """

    card_id: str
    type: SeenRelationType
    target_card_id: str
    card: RelatedCard
    created_by_id: str


class CreateRelation(Request):
    """The fields of a new relation.

    Attributes:
        target_card_id: Another card of the workspace.
        type: Reads as a sentence: this card ``blocks`` the target card. ``blocked_by`` is stored as the target card's
            ``blocks``. Two cards can have one relation of each type; a card has at most one parent and any number of
            children.
    """

    target_card_id: Id
    type: RelationType


_RELATIONS = Collection(FlatCardRef, "relations", RelationRef, Relation)
CREATE_RELATION = _RELATIONS.creates(
    "relations.create",
    summary="Create a relation between two cards. `blocks` and `parent_of` must not form a cycle.",
    takes=CreateRelation,
    policy=BOARD_WRITE,
)
LIST_RELATIONS = _RELATIONS.lists(
    "relations.list",
    summary="List the relations of a card, as seen from it.",
    policy=BOARD_READ,
)
DELETE_RELATION = _RELATIONS.deletes(
    "relations.delete",
    summary="Delete a relation, for both cards.",
    policy=BOARD_WRITE,
)
