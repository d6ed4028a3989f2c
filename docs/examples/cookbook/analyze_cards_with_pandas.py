"""Analyze cards with pandas.

Loads the cards of a project into a DataFrame and counts them by column and priority. `frame()` has a column for each field, names beside
ids, dates, and categories in the order of the API. `backend="polars"` returns a frame of polars instead.
"""

import pandas as pd

from stellary import Board


def count_cards(board: Board) -> pd.DataFrame:
    frame = board.cards.frame()
    priority = frame["priority"].cat.add_categories("none").fillna("none")
    return pd.crosstab(frame["column"], priority)
