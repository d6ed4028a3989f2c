"""Rows of the trash: the only module that converts a row to a ``TrashedItem``."""

from __future__ import annotations

from stellary.contract.trash import TrashedItem
from stellary.core.accounts.audience import name_of
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.trash import TrashRow, trash

_FIELDS = RowFields(
    TrashedItem,
    trash,
    computed=("place",),
    selected={"deleted_by_name": name_of(trash.c.deleted_by_id)},
    internal=("organization_id", "workspace_id", "author_id", "slug"),
)
COLUMNS = (*trash.c, name_of(trash.c.deleted_by_id).label("deleted_by_name"))
"""The columns that a statement selects of an item."""


def trashed_item(row: TrashRow, place: str | None = None) -> TrashedItem:
    """Return the item of a row.

    Args:
        row: The row.
        place: Where it is after it was restored. Default: it is in the trash.
    """
    return _FIELDS.to_value(row, place=place)
