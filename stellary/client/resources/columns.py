"""Columns: the workflow stages of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike, ItemHandle, Resource, by_id, iterates, method
from stellary.contract.columns import CREATE_COLUMN, DELETE_COLUMN, LIST_COLUMNS, UPDATE_COLUMN

if TYPE_CHECKING:
    from stellary.client.resources.cards import ColumnCards


class Columns(Resource[C]):
    """The columns of a project. Call it with an id for the handle of one."""

    create = method(CREATE_COLUMN)
    list = method(LIST_COLUMNS)
    iterate = iterates(LIST_COLUMNS)
    update = by_id(UPDATE_COLUMN)
    delete = by_id(DELETE_COLUMN)

    def __call__(self, column: IdLike) -> ColumnHandle[C]:
        return ColumnHandle(self._caller, self._extend_path(column_id=column))


class ColumnHandle(ItemHandle[C]):
    """One column."""

    update = method(UPDATE_COLUMN)
    delete = method(DELETE_COLUMN)

    @property
    def cards(self) -> ColumnCards[C]:
        """The cards of the column, for creating cards; ``board.cards.list(column_id=…)`` lists them."""
        from stellary.client.resources.cards import ColumnCards

        return ColumnCards(self._caller, self._path_params)
