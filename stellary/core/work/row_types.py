"""The rows of what waits for a person, as their statements select them."""

from __future__ import annotations

from typing import Literal

from stellary.core.db.row_types import RowType


class WaitingItemRow(RowType):
    """A document, a suggested action or a proposal that waits for a person."""

    kind: Literal["document", "action", "proposal"]
    id: str
    title: str
    workspace_id: str
    project_id: str | None
