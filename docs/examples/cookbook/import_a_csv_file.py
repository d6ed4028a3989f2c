"""Import a CSV file.

Creates a card for each row of a spreadsheet with the columns `title`, `priority` and `due`. `create_all` sends as few requests as
possible and keeps the order of the rows. To move a whole project between servers, see
[Export and import](../guides/export-and-import.md).
"""

import csv
from datetime import date
from pathlib import Path

from stellary import Board, Card, CardInColumn, Column
from stellary.contract.cards import Priority

PRIORITIES: dict[str, Priority | None] = {"": None, "low": "low", "medium": "medium", "high": "high"}


def import_cards(board: Board, column: Column, path: Path) -> list[Card]:
    with path.open(newline="", encoding="utf-8") as file:
        cards = [
            CardInColumn(
                column_id=column.id,
                title=row["title"],
                priority=PRIORITIES[row["priority"].lower()],
                due_date=date.fromisoformat(row["due"]) if row["due"] else None,
            )
            for row in csv.DictReader(file)
        ]
    return board.cards.create_all(cards)
