"""The positions of deleted cards, which stay between their neighbours when these get new positions."""

from __future__ import annotations

from collections.abc import Sequence

from stellary.core.board.rules.positions import follow_neighbours
from stellary.core.board.tables import cards
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork


def move_deleted_cards(
    uow: UnitOfWork, project_id: str, column_id: str, moves: Sequence[tuple[str, int, int]]
) -> None:
    """Give the deleted cards of a column new positions between the same neighbours.

    Args:
        uow: The unit of work, which has locked the column.
        project_id: The project of the column.
        column_id: The column.
        moves: The ids of adjacent cards of the column, in order, with their positions before and after.
    """
    if all(old == new for _, old, new in moves):
        return
    stored = {
        card_id: (trash_id, row)
        for trash_id, card_id, row in trash.find_item_rows(uow, "card", project_id, cards, column_id)
        if row["column_id"] == column_id
    }
    positions = follow_neighbours(moves, {card_id: row["position"] for card_id, (_, row) in stored.items()})
    for card_id, position in positions.items():
        trash_id, row = stored[card_id]
        trash.rewrite_row(uow, trash_id, cards, card_id, {**row, "position": position})
