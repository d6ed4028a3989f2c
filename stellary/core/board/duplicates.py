"""Copies of cards and columns within a project. Sections Cards and Columns of the API reference."""

from __future__ import annotations

from stellary.contract.cards import (
    BULK_MAX,
    DUPLICATE_CARD,
    Card,
    CardInColumn,
    CreateCard,
    CreateCards,
    DuplicateCard,
    ListCards,
)
from stellary.contract.columns import DUPLICATE_COLUMN, Column, CreateColumn, DuplicateColumn
from stellary.contract.errors import Conflict
from stellary.contract.fields import convert
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.contract.wire import UNSET, Paged
from stellary.core.board import access
from stellary.core.board.attachments import attach_copies, load_files
from stellary.core.board.bulk import create_cards
from stellary.core.board.cards import add_card
from stellary.core.board.changes.card_references import drop_missing
from stellary.core.board.columns import create_column, read_column
from stellary.core.board.comments import ROWS
from stellary.core.board.imports import emit_cards
from stellary.core.board.listing import find_matching
from stellary.core.board.queries.filters import check_in_project
from stellary.core.board.rules.fields import value_or
from stellary.core.board.rules.recurrences import copy_card
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(DUPLICATE_CARD)
def duplicate_card(uow: UnitOfWork, ref: CardRef, request: DuplicateCard) -> Card:
    """Copy a card to the end of a column; in its own column, the copy has its status."""
    loaded = access.card(uow, ref)
    source, workspace_id = loaded.card, loaded.roles.workspace_id
    column_id = value_or(request.column_id, source.column_id)
    if request.column_id is not UNSET:
        check_in_project(uow, workspace_id, source.project_id, "columnId", column_id)
    comments = ROWS.fetch(uow, Paged(), source.id).items if request.comments else []
    files = load_files(uow, [source.id]) if request.attachments else []
    (body,) = drop_missing(uow, workspace_id, source.project_id, [_copy_card(source)])
    body = convert(
        CreateCard,
        body,
        title=request.title or source.title,
        status=source.status if column_id == source.column_id else UNSET,
    )
    column = ref.parent(ProjectRef).child(ColumnRef, column_id)
    copy = add_card(uow, column, body, comment_count=len(comments), attachment_count=len(files))
    attach_copies(uow, files, {source.id: copy.id})
    if comments:
        copied_comments = [(comment, None) for comment in ROWS.insert_copies(uow, comments, copy.id)]
        emit_cards(uow, workspace_id, copy.project_id, "", (), copied_comments)
    return copy


@serves(DUPLICATE_COLUMN)
def duplicate_column(uow: UnitOfWork, ref: ColumnRef, request: DuplicateColumn) -> Column:
    """Copy a column with its unarchived cards, in their order and with their status."""
    loaded = access.column(uow, ref)
    source = read_column(uow, ref)
    if source.card_count > BULK_MAX:
        raise Conflict(f"the column has more than {BULK_MAX} cards", code="too_many_cards")
    project = ref.parent(ProjectRef)
    body = convert(CreateColumn, source, name=request.name or source.name, order=source.order + 1)
    column = create_column(uow, project, body)
    cards = list(find_matching(uow, project, ListCards(column_id=source.id, archived=False)).items)
    bodies = drop_missing(
        uow, loaded.roles.workspace_id, source.project_id, [_copy_card(card) for card in cards]
    )
    copies = [
        convert(CardInColumn, body, status=card.status, column_id=column.id)
        for card, body in zip(cards, bodies, strict=True)
    ]
    new_cards = create_cards(uow, project, CreateCards(cards=copies)) if copies else []
    if request.attachments:
        new_ids = {card.id: copy.id for card, copy in zip(cards, new_cards, strict=True)}
        attach_copies(uow, load_files(uow, new_ids), new_ids)
    return read_column(uow, project.child(ColumnRef, column.id))


def _copy_card(card: Card) -> CreateCard:
    items = [{"title": item.title, "done": item.done} for item in card.checklist]
    return copy_card(card, checklist=items)
