"""A board as a frame of pandas, and a frame as a board."""

from __future__ import annotations

import pandas as pd

from stellary import Board, Card


def count_open_cards(board: Board) -> pd.DataFrame:
    """Return the number of open cards of each person, by priority."""
    # --8<-- [start:frame]
    frame = board.cards.frame()
    late = frame[frame["due_date"] < pd.Timestamp.now("UTC")]
    print(late[["key", "title", "column", "assignee", "due_date"]])
    counts = pd.crosstab(frame["assignee"], frame["priority"])
    print(counts)
    # --8<-- [end:frame]
    return counts


def edit_as_frame(board: Board) -> list[Card]:
    """Create cards from a frame, and edit all cards as a frame."""
    # --8<-- [start:back]
    plan = pd.DataFrame({"title": ["Write the spec", "Draw the cart"], "column": ["To Do", "To Do"]})
    board.cards.create_all(plan.assign(priority="high"))

    frame = board.cards.frame()
    frame["due_date"] += pd.Timedelta(days=7)
    frame.loc[frame["assignee"].isna(), "priority"] = "low"
    changed = board.cards.update_all(frame)
    print(f"{len(changed)} cards have changed")
    # --8<-- [end:back]
    return changed
