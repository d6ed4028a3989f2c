"""Relations between cards of a workspace. Section Card Relations of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Select,
    bindparam,
    delete,
    false,
    insert,
    select,
    true,
    union_all,
)

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import build_value
from stellary.contract.refs import FlatCardRef, RelationRef
from stellary.contract.relations import (
    CREATE_RELATION,
    DELETE_RELATION,
    LIST_RELATIONS,
    CreateRelation,
    RelatedCard,
    Relation,
)
from stellary.contract.wire import Listing, Paged, invalid
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.project_sight import is_visible
from stellary.core.board import access
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.row_types import OtherCardRow, RelationRow
from stellary.core.board.rules import relations as rules
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, projects, relations
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import RelationAdded, RelationRemoved
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row

_FIELDS = RowFields(
    Relation,
    relations,
    computed=("card_id", "target_card_id", "card"),
    internal=("source_id", "target_id"),
)
_CARD_FIELDS = RowFields(RelatedCard, cards, computed=("id", "key"), internal=cards.c.keys())
_OTHER = (cards.c.id.label("other_id"), cards.c.number, projects.c.key, *_CARD_FIELDS.columns)
# The lock keeps the cards from being deleted before the relation is written.
_ENDS = Query(
    OtherCardRow,
    select(*_OTHER)
    .join_from(cards, projects)
    .where(
        is_given(projects.c.workspace_id), cards.c.id.in_([bindparam("_card_id"), bindparam("_target_id")])
    )
    .order_by(cards.c.id)
    .with_for_update(read=True, key_share=True, of=cards),
)
_ends: BindParameter[Any] = bindparam("_ends", expanding=True)
_SAME: Select[Any] = select(relations.c.id).where(
    relations.c.source_id.in_(_ends), relations.c.target_id.in_(_ends), is_given(relations.c.type)
)
_PARENT: Select[Any] = select(relations.c.id).where(
    is_given(relations.c.target_id), is_given(relations.c.type)
)
_INSERT = insert(relations)
_DELETE = delete(relations).where(is_given(relations.c.id))


def _select_path() -> Select[Any]:
    """Build the statement that looks for a path from the target to the source, which would form a cycle with the new relation."""
    before = (
        select(relations.c.source_id.label("id"))
        .where(is_given(relations.c.target_id, "source_id"), is_given(relations.c.type))
        .cte("before", recursive=True)
    )
    # UNION instead of UNION ALL, so that a card on several paths is followed once.
    before = before.union(
        select(relations.c.source_id).where(relations.c.target_id == before.c.id, is_given(relations.c.type))
    )
    return select(before.c.id).where(is_given(before.c.id, "target_id")).limit(1)


def select_relations(is_wanted: Callable[[ColumnElement[str]], ColumnElement[bool]]) -> Select[Any]:
    """Return the statement for the relations of some cards, as each of them sees it, with the cards at the other ends.

    Args:
        is_wanted: Returns the condition that a column has the id of one of the cards.
    """
    ends = [
        (relations.c.source_id, relations.c.target_id, true()),
        (relations.c.target_id, relations.c.source_id, false()),
    ]
    relation_ends = union_all(
        *(
            select(*_FIELDS.columns, from_source.label("from_source"), card_id.label("card_id"), *_OTHER)
            .select_from(relations.join(cards, cards.c.id == other_id).join(projects))
            .where(is_wanted(card_id))
            for card_id, other_id, from_source in ends
        )
    ).subquery("seen")
    return select(relation_ends)


_PATH_TO_SOURCE = _select_path()
_RELATIONS = select_relations(lambda card_id: card_id == bindparam("_card_id"))
_LIST = Pages(RelationRow, _RELATIONS, _RELATIONS.selected_columns.id)
_LIMITED_LIST = Pages(
    RelationRow,
    _RELATIONS.where(is_visible(_RELATIONS.selected_columns.project_id)),
    _RELATIONS.selected_columns.id,
)
_BETWEEN = Query(
    RelationRow, _RELATIONS.where(_RELATIONS.selected_columns.other_id == bindparam("_target_id"))
)


@serves(CREATE_RELATION)
def create_relation(uow: UnitOfWork, ref: FlatCardRef, request: CreateRelation) -> Relation:
    """Relate a card to another card of the workspace."""
    # The lock serializes new relations of the workspace: two concurrent ones could together form a cycle.
    lock_workspace(uow, ref)
    loaded = access.card_with_sight(uow, ref)
    if request.target_card_id == loaded.card.id:
        raise invalid(("targetCardId", "must be another card"))
    workspace_id = loaded.roles.workspace_id
    ends = lock_ends(uow, workspace_id, loaded.card.id, request.target_card_id)
    if loaded.card.id not in ends:
        raise NotFound("Card not found")
    other = ends.get(request.target_card_id)
    if other is None or not loaded.roles.sight.sees(other.project_id):
        raise unknown("targetCardId")
    uow.record_dependency("other card", other.other_id)
    edge = rules.build_edge(loaded.card.id, request.target_card_id, request.type)
    check_edge(uow, edge)
    relation = build_value(
        Relation,
        request,
        id=uow.new_id(),
        card_id=loaded.card.id,
        card=_build_related_card(other),
        created_by_id=uow.user_id,
        created_at=uow.now,
    )
    row = _FIELDS.to_row(relation, source_id=edge.source_id, target_id=edge.target_id, type=edge.type)
    uow.connection.execute(_INSERT, row)
    _emit_events(uow, RelationAdded, workspace_id, relation.id, edge)
    return relation


@serves(LIST_RELATIONS)
def list_relations(uow: UnitOfWork, ref: FlatCardRef, request: Paged) -> Listing[Relation]:
    """Return the relations of a card in order of creation, as the card sees them.

    Relations with cards of projects that the caller does not see are left out.
    """
    loaded = access.card_with_sight(uow, ref)
    sight = loaded.roles.sight
    if not sight.is_limited:
        return _LIST.fetch(uow, request, _build_relation, _card_id=loaded.card.id)
    return _LIMITED_LIST.fetch(uow, request, _build_relation, _card_id=loaded.card.id, **sight.parameters)


def find_relations(uow: UnitOfWork, ref: FlatCardRef, target_card_id: str) -> list[Relation]:
    """Return the relations of a card with another card, as the first card sees them.

    Unlike ``list_relations``, it is part of a change: a token that may only write is enough.

    Args:
        ref: The card.
        target_card_id: The other card.
    """
    card_id = access.flat_card(uow, ref).card.id
    rows = _BETWEEN.all(uow.connection, {"_card_id": card_id, "_target_id": target_card_id})
    return [_build_relation(row) for row in rows]


@serves(DELETE_RELATION)
def delete_relation(uow: UnitOfWork, ref: RelationRef) -> Ok:
    """Delete a relation of both cards."""
    loaded = access.relation(uow, ref)
    if not loaded.roles.sight.sees(loaded.row.of_other_project):
        raise NotFound("Relation not found")
    delete_row(uow, _DELETE, {"_id": loaded.row.id}, "Relation")
    edge = rules.Edge(loaded.row.source_id, loaded.row.target_id, loaded.row.type)
    _emit_events(uow, RelationRemoved, loaded.roles.workspace_id, loaded.row.id, edge)
    return Ok()


def _emit_events(
    uow: UnitOfWork,
    event: type[RelationAdded | RelationRemoved],
    workspace_id: str,
    relation_id: str,
    edge: rules.Edge,
) -> None:
    """Emit the events of both cards, each as the card sees the relation."""
    cards_by_id = load_current_cards(uow.connection, workspace_id, [edge.source_id, edge.target_id])
    for card_id, other_id in ((edge.source_id, edge.target_id), (edge.target_id, edge.source_id)):
        card = cards_by_id[card_id]
        type = rules.type_seen_by(edge.type, from_source=card_id == edge.source_id)
        uow.emit(
            event(
                workspace_id=workspace_id,
                project_id=card.project_id,
                card=card,
                type=type,
                other=cards_by_id[other_id],
                relation_id=relation_id,
            )
        )


def lock_ends(uow: UnitOfWork, workspace_id: str, card_id: str, other_id: str) -> dict[str, OtherCardRow]:
    """Return those of two cards that a workspace has, by id, and keep them from being deleted until the transaction ends.

    Args:
        workspace_id: The workspace.
        card_id: A card.
        other_id: Another card.
    """
    parameters = {"_card_id": card_id, "_target_id": other_id, "_workspace_id": workspace_id}
    return {row.other_id: row for row in _ENDS.all(uow.connection, parameters)}


def check_edge(uow: UnitOfWork, edge: rules.Edge) -> None:
    """Check that a relation is not a duplicate or a second parent, and completes no cycle.

    Args:
        edge: The relation in its stored form.

    Raises:
        Conflict: The relation violates one of these rules.
    """
    parameters: dict[str, object] = {
        "_source_id": edge.source_id,
        "_target_id": edge.target_id,
        "_type": edge.type,
    }
    both = {"_ends": [edge.source_id, edge.target_id], "_type": edge.type}
    # A reverse block or parent is reported as a cycle.
    if edge.type in rules.ACYCLIC and _has_row(uow, _PATH_TO_SOURCE, parameters):
        raise Conflict(f"{edge.type} would create a cycle", code="relation_cycle")
    if _has_row(uow, _SAME, both):
        raise Conflict("the cards already have this relation", code="duplicate_relation")
    if edge.type == "parent_of" and _has_row(uow, _PARENT, parameters):
        raise Conflict("the card has a parent already", code="second_parent")


def _has_row(uow: UnitOfWork, statement: Executable, parameters: Mapping[str, object]) -> bool:
    return uow.connection.execute(statement, parameters).first() is not None


def _build_relation(row: RelationRow) -> Relation:
    return _FIELDS.to_value(
        row,
        card_id=row.card_id,
        type=rules.type_seen_by(row.type, from_source=bool(row.from_source)),
        target_card_id=row.other_id,
        card=_build_related_card(row),
    )


def _build_related_card(row: OtherCardRow) -> RelatedCard:
    return _CARD_FIELDS.to_value(row, id=row.other_id, key=f"{row.key}-{row.number}")
