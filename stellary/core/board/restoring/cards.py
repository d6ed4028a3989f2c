"""Restoring cards, comments and attachments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Column, Select, Table, case, select

from stellary.contract.cards import Card
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.trash import RestoreItem
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_count
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.queries.item_names import load_item_names
from stellary.core.board.restoring.containers import lock_project_of, missing_container
from stellary.core.board.restoring.events import describe_position, emit_restored
from stellary.core.board.restoring.references import drop_missing_references, restore_relations
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.cards import EndPosition, LockedColumn, check_room
from stellary.core.board.tables import attachments, cards, columns, comments, relations, scopes
from stellary.core.db.base import is_given
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork

_NEAREST: Select[Any] = (
    select(columns.c.id)
    .join_from(columns, scopes)
    .where(is_given(columns.c.project_id))
    .order_by(case((is_given(columns.c.scope_id), 0), else_=1), scopes.c.position, columns.c.position)
    .limit(1)
)


def restore_card(uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem) -> str:
    """Restore a card to its column and position, or to the end of the first column of its scope; return the column in words.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: Its project is gone, or the column is full.
    """
    project_id = lock_project_of(uow, item)
    locked_columns = lock_columns(uow, project_id)
    # Read after the locks: a unit that makes room in the column also moves its deleted cards.
    row = trash.load_rows(uow, item.id, cards)[item.item_id]
    column = _find_column(uow, locked_columns, row)
    point = None
    if not row["archived"]:
        check_room(column, ordering.count_others(uow, column.id, item.item_id) + 1)
        point = _find_insertion_point(uow, column, row)
    if column.id != row["column_id"]:
        _return_later(uow, item, row, column)
    changes: dict[Column[Any], object] = {cards.c.column_id: column.id, cards.c.scope_id: column.scope_id}
    if point is not None:
        changes[cards.c.position] = point.position
    trash.reinsert(uow, item.id, changes=changes, skip=[relations])
    if point is not None:
        ordering.index_insertion(uow, column, point)
    restore_relations(uow, item)
    drop_missing_references(uow, item, project_id)
    uow.connection.execute(card_rows.UPDATE_TO_NEXT_VERSION, {"_id": item.item_id, "updated_at": uow.now})
    card = _load_card(uow, item.item_id)
    emit_restored(uow, item, card=card, meta=describe_position(card, column.name))
    scope_names = load_item_names(uow, [project_id], {column.scope_id})
    return f'column "{column.name}" of "{scope_names[column.scope_id]}"'


def _restore_to_card(
    table: Table, count: Column[int], uow: UnitOfWork, item: trash.TrashRow, _: RestoreItem
) -> str:
    """Restore an item of a card, whose count ``count`` increases; return the card in words.

    Args:
        table: The table of such items.
        count: Their count in the row of the card.
        item: The entry of the item.

    Raises:
        Conflict: The card is gone.
    """
    project_id = lock_project_of(uow, item)
    card_id: str = trash.load_rows(uow, item.id, table)[item.item_id]["card_id"]
    try:
        change_count(uow, count, card_id, project_id, 1)
    except NotFound:
        raise missing_container(uow, "card", card_id) from None
    trash.reinsert(uow, item.id)
    card = _load_card(uow, card_id)
    emit_restored(uow, item, card=card)
    return f'card {card.key} "{card.title}"'


restore_comment = partial(_restore_to_card, comments, cards.c.comment_count)
restore_attachment = partial(_restore_to_card, attachments, cards.c.attachment_count)


def _load_card(uow: UnitOfWork, card_id: str) -> Card:
    return access.read_cards(uow, [card_id])[card_id]


def _find_column(
    uow: UnitOfWork, locked_columns: Mapping[str, LockedColumn], row: trash.JsonRow
) -> LockedColumn:
    """Return the column of a restored card: its own, or the first one of its scope, or of the project."""
    if row["column_id"] in locked_columns:
        return locked_columns[row["column_id"]]
    parameters = {"_project_id": row["project_id"], "_scope_id": row["scope_id"]}
    nearest_id = uow.connection.execute(_NEAREST, parameters).scalar()
    if nearest_id is None:
        raise Conflict("the project has no column that could take the card", code="no_column")
    return locked_columns[nearest_id]


def _find_insertion_point(
    uow: UnitOfWork, column: LockedColumn, row: trash.JsonRow
) -> ordering.InsertionPoint:
    """Return the former position in a card's own column, or the end of another one."""
    if column.id == row["column_id"]:
        return ordering.find_former_position(uow, column, row["project_id"], row["id"], row["position"])
    return ordering.find_insertion_point(uow, column, EndPosition(), row["project_id"])


def _return_later(uow: UnitOfWork, item: trash.TrashRow, row: trash.JsonRow, column: LockedColumn) -> None:
    """Store that a card returns to its column when that is restored, if it is in the trash."""
    column_entry_id = trash.find_entry(uow, "column", row["column_id"])
    trash_id = column_entry_id or trash.find_entry(uow, "scope", row["scope_id"])
    if trash_id is not None:
        former = {"columnId": row["column_id"], "position": row["position"], "status": row["status"]}
        move = {**former, "movedTo": column.id}
        trash.add_references(uow, trash_id, cards.c.column_id, {item.item_id: move})
