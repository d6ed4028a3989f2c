"""Cards that the deletion of a column or a scope has moved elsewhere, and that return when it is restored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from stellary.contract.cards import Card
from stellary.contract.fields import replace_fields
from stellary.core.board.changes.card_moves import lock_cards, write_cards
from stellary.core.board.order import ordering
from stellary.core.board.restoring.references import make_batches
from stellary.core.board.tables import cards
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork


def move_cards_back(uow: UnitOfWork, item: trash.TrashRow, scope_ids: Mapping[str, str]) -> dict[str, Card]:
    """Move the cards back that are still in the column to which the deletion has moved them.

    Args:
        uow: The unit of work, which has locked the columns of the project.
        item: The restored column or scope.
        scope_ids: The scopes of the restored columns, by the id of the column.

    Returns:
        These cards as they were before, by id.
    """
    moves = trash.load_rows(uow, item.id, cards.c.column_id)
    if not moves:
        return {}
    project_id = item.project_id or ""
    present_cards = {
        card_id: locked.card
        for batch in make_batches(moves)
        for card_id, locked in lock_cards(uow, project_id, batch).items()
    }
    returning_cards = {
        card_id: card
        for card_id, card in present_cards.items()
        if card.column_id == moves[card_id]["movedTo"] and moves[card_id]["columnId"] in scope_ids
    }
    left_ids = {card.column_id for card in returning_cards.values()}
    orders: dict[str, int] = {}
    for column_order in ordering.load_column_orders(uow, project_id, left_ids).values():
        orders |= column_order.orders()
    returned_cards = []
    for card_id, card in returning_cards.items():
        changes = _find_changes(moves[card_id], card.status, scope_ids)
        returned = replace_fields(card, **changes, version=card.version + 1, updated_at=uow.now)
        returned_cards.append((returned, moves[card_id]["position"]))
    write_cards(uow, returned_cards)
    for trash_id, card_id, row in trash.find_rows(uow, cards, sorted(moves.keys() - present_cards.keys())):
        move = moves[card_id]
        if row["column_id"] == move["movedTo"] and move["columnId"] in scope_ids:
            changes = _find_changes(move, row["status"], scope_ids)
            if "completed_at" in changes:
                changes["completed_at"] = trash.to_stored_time(uow, changes["completed_at"])
            changes |= {"position": move["position"], "version": row["version"] + 1}
            trash.rewrite_row(uow, trash_id, cards, card_id, {**row, **changes})
    ordering.separate_positions(uow, project_id, scope_ids)
    for column_id in sorted({*scope_ids, *left_ids}):
        ordering.rebuild_index(uow, column_id)
    return {
        card_id: replace_fields(card, order=orders.get(card_id)) for card_id, card in returning_cards.items()
    }


def _find_changes(move: trash.JsonRow, status: str, scope_ids: Mapping[str, str]) -> trash.JsonRow:
    """Return the columns that change in a returning card. Its status returns if it is still the one that the move gave it."""
    changes = {"column_id": move["columnId"], "scope_id": scope_ids[move["columnId"]]}
    moved_status = move.get("movedStatus")
    if status == moved_status and moved_status != move["status"]:
        changes |= {"status": move["status"], "completed_at": None}
        if move["completedAt"] is not None:
            changes["completed_at"] = datetime.fromisoformat(move["completedAt"])
    return changes
