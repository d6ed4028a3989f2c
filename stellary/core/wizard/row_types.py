"""The rows of the wizard, as its statements select them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from stellary.contract.roles import Visibility
from stellary.contract.wizard import DraftStage
from stellary.core.db.row_types import RowType


class ListedDraftRow(RowType):
    """A draft in a list."""

    id: str
    workspace_id: str
    name: str
    stage: DraftStage
    round: int
    readiness_score: int
    created_by_id: str
    version: int
    created_at: datetime
    visibility: Visibility


class DraftRow(ListedDraftRow):
    """A draft. Its documents and roadmap are JSON in wire format; ``rows.read_questions`` reads its questions."""

    description: str | None
    context_documents: Sequence[Mapping[str, object]]
    open_ids: Sequence[str]
    answers: Mapping[str, object]
    missing: list[str]
    roadmap: Mapping[str, object] | None
    feedback: list[str]
    usage: Mapping[str, object] | None
