"""Analyze cards with pandas.

Loads the cards of a project into a DataFrame and counts them by column and priority. `to_dict()` returns the data of a value with the
API's field names.
"""

import pandas as pd

from stellary import Board


def count_cards(board: Board) -> pd.DataFrame:
    columns = {column.id: column.name for column in board.columns.list()}
    frame = pd.DataFrame([card.to_dict() for card in board.cards.iterate()])
    frame["column"] = frame["columnId"].map(columns)
    frame["createdAt"] = pd.to_datetime(frame["createdAt"])
    return pd.crosstab(frame["column"], frame["priority"].fillna("none"))
