"""The rows of pilotage, with the columns of their tables."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.pilotage import MissionStatus, PilotagePriorityStatus, TodoStatus
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.core.db.row_types import RowType


class LedgerRow(RowType):
    """The columns that all kinds of pilotage items have."""

    workspace_id: str
    number: int
    created_by_id: str
    updated_at: datetime


class MissionRow(LedgerRow):
    """A mission."""

    status: MissionStatus


class PriorityRow(LedgerRow):
    """A priority."""

    status: PilotagePriorityStatus


class TodoRow(LedgerRow):
    """A todo."""

    mission_number: int | None
    priority_number: int | None
    status: TodoStatus


class ActionRow(LedgerRow):
    """A proposed action."""

    action_type: str
    payload: dict[str, object]
    resolved_payload: dict[str, object] | None
    status: ProposedActionStatus
    reviewed_by_id: str | None


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
