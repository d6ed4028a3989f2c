"""Actions on pilotage: read its state, change its items, and propose actions."""

from __future__ import annotations

from stellary.contract.actions import UpdateMissionParams, UpdatePriorityParams, UpdateTodoParams
from stellary.contract.fields import convert
from stellary.contract.pilotage import (
    CREATE_DECISION,
    CREATE_MISSION,
    CREATE_PRIORITY,
    CREATE_TODO,
    UPDATE_MISSION,
    UPDATE_PRIORITY,
    UPDATE_TODO,
    CreateDecision,
    CreateMission,
    CreatePriority,
    CreateTodo,
    Mission,
    PilotagePriority,
    Todo,
    UpdateMission,
    UpdatePriority,
    UpdateTodo,
)
from stellary.contract.pilotage_state import GET_STATE, GetState
from stellary.contract.proposed_actions import PROPOSE_ACTION, ProposeAction
from stellary.contract.refs import MissionRef, PilotagePriorityRef, TodoRef, WorkspaceRef
from stellary.core.accounts import access as accounts_access
from stellary.core.kernel.actions import Action, ActionList
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage import pilotage, proposed_actions, state
from stellary.core.pilotage.ledger import MISSIONS, PRIORITIES, TODOS, AnyLedger


def _check_exists(uow: UnitOfWork, ref: WorkspaceRef, ledger: AnyLedger, short_id: str, field: str) -> None:
    """Check that the item that params name exists. An unknown id is a 400 here, unlike in a path."""
    ledger.resolve_reference(uow, accounts_access.workspace(uow, ref).row.id, short_id, field)


ACTIONS = ActionList()
"""All actions of pilotage: first the one that reads, then those that write."""
ACTIONS.append(
    Action(
        "get_pilotage_state",
        "Read the missions, priorities, todos, decisions and documents of the workspace.",
        GetState,
        GET_STATE,
        "pilotage.read",
        state.get_state,
    )
)
ACTIONS.add("pilotage.write", CreateMission, CREATE_MISSION, "Create a mission, which is not started yet.")(
    pilotage.create_mission
)


@ACTIONS.add("pilotage.write", UpdateMissionParams, UPDATE_MISSION)
def _update_mission(uow: UnitOfWork, ref: WorkspaceRef, params: UpdateMissionParams) -> Mission:
    """Change a mission: its status, its blocker or its details."""
    _check_exists(uow, ref, MISSIONS, params.mission_id, "missionId")
    return pilotage.update_mission(
        uow, ref.child(MissionRef, params.mission_id), convert(UpdateMission, params)
    )


ACTIONS.add("pilotage.write", CreatePriority, CREATE_PRIORITY, "Create a priority.")(pilotage.create_priority)


@ACTIONS.add("pilotage.write", UpdatePriorityParams, UPDATE_PRIORITY)
def _update_priority(uow: UnitOfWork, ref: WorkspaceRef, params: UpdatePriorityParams) -> PilotagePriority:
    """Change a priority, or mark it as done."""
    _check_exists(uow, ref, PRIORITIES, params.priority_id, "priorityId")
    priority_ref = ref.child(PilotagePriorityRef, params.priority_id)
    return pilotage.update_priority(uow, priority_ref, convert(UpdatePriority, params))


ACTIONS.add(
    "pilotage.write", CreateTodo, CREATE_TODO, "Create a todo, optionally for a mission or a priority."
)(pilotage.create_todo)


@ACTIONS.add("pilotage.write", UpdateTodoParams, UPDATE_TODO)
def _update_todo(uow: UnitOfWork, ref: WorkspaceRef, params: UpdateTodoParams) -> Todo:
    """Change a todo: its status, its label or its links."""
    _check_exists(uow, ref, TODOS, params.todo_id, "todoId")
    return pilotage.update_todo(uow, ref.child(TodoRef, params.todo_id), convert(UpdateTodo, params))


ACTIONS.add("pilotage.write", CreateDecision, CREATE_DECISION, "Record a decision.")(pilotage.create_decision)
ACTIONS.add(
    "pilotage.write",
    ProposeAction,
    PROPOSE_ACTION,
    "Propose an action by its name, for review by a person; nothing is changed yet.",
)(proposed_actions.propose_action)
