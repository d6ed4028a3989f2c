"""Columns: the workflow stages of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike
from stellary.client.methods.columns import ColumnHandleMethods, ColumnsMethods

if TYPE_CHECKING:
    from stellary.client.methods.cards import ColumnCards


class Columns(ColumnsMethods[C]):
    """The columns of a project. Call it with an id for the handle of one."""

    def __call__(self, column: IdLike) -> ColumnHandle[C]:
        return ColumnHandle(self._caller, self._extend_path(column_id=column))


class ColumnHandle(ColumnHandleMethods[C]):
    """One column."""

    @property
    def cards(self) -> ColumnCards[C]:
        """The cards of the column, for creating cards; ``board.cards.list(column_id=…)`` lists them."""
        from stellary.client.methods.cards import ColumnCards

        return ColumnCards(self._caller, self._path_params)
