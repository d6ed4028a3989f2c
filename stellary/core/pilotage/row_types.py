"""The rows of pilotage, with the columns of their tables."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.active_docs import SourceType
from stellary.contract.pilotage import MissionStatus, PilotagePriorityStatus, TodoStatus
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.core.db.row_types import RowType


class LedgerRow(RowType):
    """The columns that all kinds of pilotage items have."""

    workspace_id: str
    number: int
    created_by_id: str
    created_at: datetime
    updated_at: datetime


class MissionRow(LedgerRow):
    """A mission."""

    objective: str
    module: str | None
    status: MissionStatus
    blocked_reason: str | None
    completed_at: datetime | None


class PriorityRow(LedgerRow):
    """A priority."""

    label: str
    module: str | None
    status: PilotagePriorityStatus
    completed_at: datetime | None


class TodoRow(LedgerRow):
    """A todo."""

    label: str
    mission_number: int | None
    priority_number: int | None
    status: TodoStatus
    completed_at: datetime | None


class DecisionRow(LedgerRow):
    """A decision."""

    title: str
    impact: str | None


class DocRow(LedgerRow):
    """An active document."""

    title: str
    owner: str | None
    source_type: SourceType | None


class ActionRow(LedgerRow):
    """A proposed action."""

    action_type: str
    explanation: str
    payload: dict[str, object]
    resolved_payload: dict[str, object] | None
    status: ProposedActionStatus
    reviewed_by_id: str | None
    review_reason: str | None
    reviewed_at: datetime | None
    applied_by_id: str | None
    applied_at: datetime | None
    result: object


class ReferenceRow(RowType):
    """An item that a rule or a proposed action needs, with its present name."""

    automation_id: str | None
    action_number: int | None
    part: str
    kind: str
    item_id: str
    name: str | None
    project_id: str | None
    is_alternative: bool
    missing: bool
    present_name: str | None


class OpenCountRow(RowType):
    """The number of actions that wait, by status."""

    status: ProposedActionStatus
    waiting: int
