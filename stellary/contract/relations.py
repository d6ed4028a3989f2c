"""Relations between cards. Section Card Relations of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.cards import CardStatus
from stellary.contract.endpoint import Ok, creates, deletes, lists
from stellary.contract.limits import Id
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_READ, BOARD_WRITE
from stellary.contract.refs import FlatCardRef, RelationRef
from stellary.contract.wire import Request, Value, request, value

RelationType = Literal["blocks", "blocked_by", "related_to", "duplicates", "parent_of"]
"""What can be said of two cards."""

SeenRelationType = Literal[
    "blocks", "blocked_by", "related_to", "duplicates", "duplicated_by", "parent_of", "child_of"
]
"""What can be read of them: each relation is seen from both ends."""


@value
class RelatedCard(Value):
    """The card at the other end."""

    id: str
    key: str
    title: str
    project_id: str
    column_id: str
    status: CardStatus
    archived: bool


@value
class Relation(Value):
    """How two cards belong together, as seen from one of them.

    Attributes:
        card_id: The card from which it is seen.
        type: Read as a sentence: this card ``blocks`` that one.
        target_card_id: The card at the other end; ``card`` is what one wants to know of it.
    """

    id: str
    card_id: str
    type: SeenRelationType
    target_card_id: str
    card: RelatedCard
    created_by_id: str
    created_at: datetime


@request
class CreateRelation(Request):
    """A relation to be.

    Attributes:
        target_card_id: Another card of the workspace.
        type: Read as a sentence: this card ``blocks`` that one. ``blocked_by`` is kept as the other card's ``blocks``.
            Two cards are related once in each way; a card has one parent, and any number of children.
    """

    target_card_id: Id
    type: RelationType


CREATE_RELATION = creates(
    "relations.create",
    FlatCardRef,
    "relations",
    summary="Relate two cards; blocks and parents must not go in a circle.",
    takes=CreateRelation,
    returns=Relation,
    policy=BOARD_WRITE,
)
LIST_RELATIONS = lists(
    "relations.list",
    FlatCardRef,
    "relations",
    summary="List the relations of a card, seen from it.",
    takes=Paged,
    item=Relation,
    policy=BOARD_READ,
)
DELETE_RELATION = deletes(
    "relations.delete",
    RelationRef,
    summary="Delete a relation, for both cards.",
    returns=Ok,
    policy=BOARD_WRITE,
)

ENDPOINTS = (CREATE_RELATION, LIST_RELATIONS, DELETE_RELATION)
