"""Export cards to Excel or CSV.

Writes one row per card. [openpyxl](https://openpyxl.readthedocs.io) writes the workbook; for CSV, pass the same rows to `csv.writer`.
"""

from collections.abc import Iterator
from pathlib import Path

from openpyxl import Workbook

from stellary import Board


def iterate_rows(board: Board) -> Iterator[list[object]]:
    columns = {column.id: column.name for column in board.columns.list()}
    yield ["Key", "Title", "Column", "Priority", "Due"]
    for card in board.cards.iterate():
        due = card.due_date.date() if card.due_date else None
        yield [card.key, card.title, columns.get(card.column_id), card.priority, due]


def export(board: Board, path: Path) -> None:
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Cards")
    for row in iterate_rows(board):
        sheet.append(row)
    workbook.save(path)
