"""Conversion of pilotage rows to values."""

from __future__ import annotations

from collections.abc import Sequence

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.errors import Invalid
from stellary.contract.fields import replace_fields
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.wire import load
from stellary.core.accounts.rules import ProjectSight
from stellary.core.board.queries.item_names import load_projects_of
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.resolve_names import load_projects_of_documents
from stellary.core.pilotage.references import NOTHING, describe_actions
from stellary.core.pilotage.row_types import ActionRow, DecisionRow, DocRow, MissionRow, PriorityRow, TodoRow
from stellary.core.pilotage.rules import OPEN, parse_short_id, short_id
from stellary.core.pilotage.tables import actions, decisions, docs, missions, priorities, todos

_NUMBERED = ("workspace_id", "number")
_MISSION_FIELDS = RowFields(Mission, missions, computed=("id",), internal=_NUMBERED)
_PRIORITY_FIELDS = RowFields(PilotagePriority, priorities, computed=("id",), internal=_NUMBERED)
_TODO_FIELDS = RowFields(
    Todo,
    todos,
    computed=("id", "mission_id", "priority_id"),
    internal=(*_NUMBERED, "mission_number", "priority_number"),
)
_DECISION_FIELDS = RowFields(Decision, decisions, computed=("id",), internal=_NUMBERED)
_DOC_FIELDS = RowFields(ActiveDoc, docs, computed=("id",), internal=_NUMBERED)
_ACTION_FIELDS = RowFields(
    ProposedAction,
    actions,
    computed=("id", "problem", "references"),
    converted=("result",),
    renamed={"proposed_by_id": "created_by_id"},
    internal=(*_NUMBERED, "resolved_payload"),
)


def mission(uow: UnitOfWork, row: MissionRow) -> Mission:
    """Convert a row to a mission.

    Args:
        uow: The unit of work, which missions do not need.
        row: The row.
    """
    return _MISSION_FIELDS.to_value(row, id=short_id("mission", row.number))


def priority(uow: UnitOfWork, row: PriorityRow) -> PilotagePriority:
    """Convert a row to a priority.

    Args:
        uow: The unit of work, which priorities do not need.
        row: The row.
    """
    return _PRIORITY_FIELDS.to_value(row, id=short_id("priority", row.number))


def todo(uow: UnitOfWork, row: TodoRow) -> Todo:
    """Convert a row to a todo.

    Args:
        uow: The unit of work, which todos do not need.
        row: The row, with the numbers of its mission and its priority.
    """
    mission, priority = row.mission_number, row.priority_number
    return _TODO_FIELDS.to_value(
        row,
        id=short_id("todo", row.number),
        mission_id=None if mission is None else short_id("mission", mission),
        priority_id=None if priority is None else short_id("priority", priority),
    )


def decision(uow: UnitOfWork, row: DecisionRow) -> Decision:
    """Convert a row to a decision.

    Args:
        uow: The unit of work, which decisions do not need.
        row: The row.
    """
    return _DECISION_FIELDS.to_value(row, id=short_id("decision", row.number))


def doc(uow: UnitOfWork, row: DocRow) -> ActiveDoc:
    """Convert a row to an active document.

    Args:
        uow: The unit of work, which documents do not need.
        row: The row.
    """
    return _DOC_FIELDS.to_value(row, id=short_id("doc", row.number))


def action(uow: UnitOfWork, row: ActionRow) -> ProposedAction:
    """Convert a row to a proposed action, without its references.

    Args:
        uow: The unit of work, with the registered actions.
        row: The row.
    """
    problem = find_problem(uow, row.action_type, row.payload) if row.status in OPEN else None
    return _ACTION_FIELDS.to_value(row, id=short_id("action", row.number), problem=problem, references=[])


def leave_out_hidden(
    uow: UnitOfWork, sight: ProjectSight, items: Sequence[ProposedAction]
) -> list[ProposedAction]:
    """Return the proposed actions that concern no project, or only items of projects that the caller sees.

    Args:
        sight: The projects that the caller sees.
        items: The actions, with their references.
    """
    if not sight.is_limited:
        return list(items)
    ids = {reference.id for item in items for reference in item.references}
    projects = load_projects_of(uow, ids) | load_projects_of_documents(uow, ids)
    actions_by_name = registered_actions(uow.env)

    def is_seen(item: ProposedAction) -> bool:
        action = actions_by_name.get(item.action_type)
        if action is not None and action.category.startswith("pilotage"):
            return True
        needed = [reference.id for reference in item.references if reference.kind not in ("person", "agent")]
        return bool(needed) and all(id in projects and sight.sees(projects[id]) for id in needed)

    return [item for item in items if is_seen(item)]


def with_references(
    uow: UnitOfWork, workspace_id: str, items: Sequence[ProposedAction]
) -> list[ProposedAction]:
    """Return proposed actions with the items that they need, and the problems of those that are missing.

    Args:
        workspace_id: The workspace.
        items: The actions.
    """
    numbers = [parse_short_id("action", item.id) for item in items]
    described = describe_actions(uow, workspace_id, numbers)
    needs = [described.get(number, NOTHING) for number in numbers]
    return [
        replace_fields(
            item,
            references=need.references,
            problem=item.problem or (need.problem if item.status in OPEN else None),
        )
        for item, need in zip(items, needs, strict=True)
    ]


def find_problem(uow: UnitOfWork, action_type: str, payload: object) -> str | None:
    """Return the reason why an action's name or payload is not valid; None if they are valid.

    Args:
        action_type: The name of the action.
        payload: Its parameters, which need not be valid.
    """
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
