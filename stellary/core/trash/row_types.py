"""The columns that are read from rows of the trash."""

from __future__ import annotations

from stellary.core.kernel.trash import TrashRow


class TrashedItemRow(TrashRow):
    """An item in the trash, with the name of the user who deleted it."""

    deleted_by_name: str | None
