"""Edit cards in a data frame.

Loads the cards of a project into a DataFrame, moves late cards to another column and gives them a week, and writes the changes back.
`update_all` sends only the fields that differ from the board, and nothing if a card has changed in between. `nan="clear"` would clear
the fields of empty cells.
"""

from datetime import UTC, datetime, timedelta

import pandas as pd

from stellary import Board


def move_late_cards(board: Board, column: str) -> int:
    frame = board.cards.frame().drop(columns="column_id")  # the names of the columns decide
    late = (frame["due_date"] < datetime.now(UTC)) & (frame["status"] != "done")
    frame.loc[late, "column"] = column
    frame.loc[late, "due_date"] += pd.Timedelta(timedelta(days=7))
    return len(board.cards.update_all(frame))
