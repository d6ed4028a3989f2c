"""Rows of pilotage as the values that they are."""

from __future__ import annotations

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.errors import Invalid
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.wire import load
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage.row_types import ActionRow, DecisionRow, DocRow, MissionRow, PriorityRow, TodoRow
from stellary.core.pilotage.rules import OPEN, short_id


def mission(uow: UnitOfWork, row: MissionRow) -> Mission:
    """Convert a row to a mission."""
    return Mission(
        id=short_id("mission", row.number),
        objective=row.objective,
        module=row.module,
        status=row.status,
        blocked_reason=row.blocked_reason,
        completed_at=row.completed_at,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def priority(uow: UnitOfWork, row: PriorityRow) -> PilotagePriority:
    """Convert a row to a priority."""
    return PilotagePriority(
        id=short_id("priority", row.number),
        label=row.label,
        module=row.module,
        status=row.status,
        completed_at=row.completed_at,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def todo(uow: UnitOfWork, row: TodoRow) -> Todo:
    """Convert a row to a todo."""
    mission, priority = row.mission_number, row.priority_number
    return Todo(
        id=short_id("todo", row.number),
        label=row.label,
        mission_id=None if mission is None else short_id("mission", mission),
        priority_id=None if priority is None else short_id("priority", priority),
        status=row.status,
        completed_at=row.completed_at,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def decision(uow: UnitOfWork, row: DecisionRow) -> Decision:
    """Convert a row to a decision."""
    return Decision(
        id=short_id("decision", row.number),
        title=row.title,
        impact=row.impact,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def doc(uow: UnitOfWork, row: DocRow) -> ActiveDoc:
    """Convert a row to an active document."""
    return ActiveDoc(
        id=short_id("doc", row.number),
        title=row.title,
        owner=row.owner,
        source_type=row.source_type,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def action(uow: UnitOfWork, row: ActionRow) -> ProposedAction:
    """Convert a row to a proposed action."""
    return ProposedAction(
        id=short_id("action", row.number),
        action_type=row.action_type,
        explanation=row.explanation,
        status=row.status,
        payload=row.payload,
        problem=find_problem(uow, row.action_type, row.payload) if row.status in OPEN else None,
        proposed_by_id=row.created_by_id,
        reviewed_by_id=row.reviewed_by_id,
        review_reason=row.review_reason,
        reviewed_at=row.reviewed_at,
        applied_by_id=row.applied_by_id,
        applied_at=row.applied_at,
        result=row.result,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def find_problem(uow: UnitOfWork, action_type: str, payload: object) -> str | None:
    """Return why an action cannot be applied, as far as its name and payload show; None if they are valid."""
    actions_by_name = registered_actions(uow.env)
    action = actions_by_name.get(action_type)
    if action is None or action.kind != "write":
        write_actions = ", ".join(
            name for name, candidate in actions_by_name.items() if candidate.kind == "write"
        )
        return f"actionType must be one of {write_actions}"
    try:
        load(action.takes, payload)
    except Invalid as error:
        return "; ".join(f"payload.{detail.field} {detail.message}" for detail in error.details)
    return None
