"""Missions, priorities, todos, decisions and active documents. Section Pilotage of the API reference."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Executable, bindparam, update

from stellary.contract.active_docs import (
    CREATE_DOC,
    DELETE_DOC,
    LIST_DOCS,
    UPDATE_DOC,
    ActiveDoc,
    CreateDoc,
    UpdateDoc,
)
from stellary.contract.endpoint import Ok
from stellary.contract.fields import get_set_fields
from stellary.contract.pilotage import (
    CREATE_DECISION,
    CREATE_MISSION,
    CREATE_PRIORITY,
    CREATE_TODO,
    DELETE_MISSION,
    DELETE_PRIORITY,
    DELETE_TODO,
    LIST_DECISIONS,
    LIST_MISSIONS,
    LIST_PRIORITIES,
    LIST_TODOS,
    UPDATE_MISSION,
    UPDATE_PRIORITY,
    UPDATE_TODO,
    CreateDecision,
    CreateMission,
    CreatePriority,
    CreateTodo,
    Decision,
    ListMissions,
    ListPriorities,
    ListTodos,
    Mission,
    PilotagePriority,
    Todo,
    UpdateMission,
    UpdatePriority,
    UpdateTodo,
)
from stellary.contract.refs import ActiveDocRef, MissionRef, PilotagePriorityRef, TodoRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged
from stellary.core.accounts import access as accounts_access
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.pilotage import access
from stellary.core.pilotage.ledger import DECISIONS, DOCS, MISSIONS, PRIORITIES, TODOS, row_parameters
from stellary.core.pilotage.row_types import LedgerRow
from stellary.core.pilotage.rules import with_blocked_reason, with_completion
from stellary.core.pilotage.tables import todos

_DETACH_FROM_MISSION, _DETACH_FROM_PRIORITY = (
    update(todos)
    .where(is_given(todos.c.workspace_id), is_given(number, "number"))
    .values({number.name: None, "updated_at": bindparam("_now")})
    for number in (todos.c.mission_number, todos.c.priority_number)
)


@serves(CREATE_MISSION)
def create_mission(uow: UnitOfWork, ref: WorkspaceRef, request: CreateMission) -> Mission:
    """Create a mission with the status ``to_launch``."""
    workspace = accounts_access.workspace(uow, ref).row
    return MISSIONS.add(uow, workspace.id, {**get_set_fields(request, Mission), "status": "to_launch"})


@serves(LIST_MISSIONS)
def list_missions(uow: UnitOfWork, ref: WorkspaceRef, request: ListMissions) -> Listing[Mission]:
    """Return the missions of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return MISSIONS.fetch(uow, workspace.id, request, request.status)


@serves(UPDATE_MISSION)
def update_mission(uow: UnitOfWork, ref: MissionRef, request: UpdateMission) -> Mission:
    """Update a mission. The blocked reason is cleared when it is no longer blocked.

    Raises:
        Invalid: A blocked reason comes with another status than ``blocked``.
        Conflict: A blocked reason comes without a status, and the mission is not blocked.
    """
    before = MISSIONS.lock(uow, access.mission(uow, ref).row)
    changes = with_blocked_reason(get_set_fields(request, Mission), before.status)
    return MISSIONS.change(uow, before, with_completion(changes, before.status, uow.now))


@serves(DELETE_MISSION)
def delete_mission(uow: UnitOfWork, ref: MissionRef) -> Ok:
    """Delete a mission. Its todos are kept."""
    mission = access.mission(uow, ref).row
    MISSIONS.remove(uow, mission)
    _detach_todos(uow, _DETACH_FROM_MISSION, mission)
    return Ok()


@serves(CREATE_PRIORITY)
def create_priority(uow: UnitOfWork, ref: WorkspaceRef, request: CreatePriority) -> PilotagePriority:
    """Create a priority."""
    workspace = accounts_access.workspace(uow, ref).row
    values = {**get_set_fields(request, PilotagePriority), "status": "active"}
    return PRIORITIES.add(uow, workspace.id, values)


@serves(LIST_PRIORITIES)
def list_priorities(uow: UnitOfWork, ref: WorkspaceRef, request: ListPriorities) -> Listing[PilotagePriority]:
    """Return the priorities of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return PRIORITIES.fetch(uow, workspace.id, request, request.status)


@serves(UPDATE_PRIORITY)
def update_priority(uow: UnitOfWork, ref: PilotagePriorityRef, request: UpdatePriority) -> PilotagePriority:
    """Update a priority."""
    before = PRIORITIES.lock(uow, access.priority(uow, ref).row)
    changes = get_set_fields(request, PilotagePriority)
    return PRIORITIES.change(uow, before, with_completion(changes, before.status, uow.now))


@serves(DELETE_PRIORITY)
def delete_priority(uow: UnitOfWork, ref: PilotagePriorityRef) -> Ok:
    """Delete a priority. Its todos are kept."""
    priority = access.priority(uow, ref).row
    PRIORITIES.remove(uow, priority)
    _detach_todos(uow, _DETACH_FROM_PRIORITY, priority)
    return Ok()


@serves(CREATE_TODO)
def create_todo(uow: UnitOfWork, ref: WorkspaceRef, request: CreateTodo) -> Todo:
    """Create a todo."""
    workspace = accounts_access.workspace(uow, ref).row
    references = _resolve_references(uow, workspace.id, request)
    return TODOS.add(uow, workspace.id, {**_todo_columns(request, references), "status": "todo"})


@serves(LIST_TODOS)
def list_todos(uow: UnitOfWork, ref: WorkspaceRef, request: ListTodos) -> Listing[Todo]:
    """Return the todos of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return TODOS.fetch(uow, workspace.id, request, request.status)


@serves(UPDATE_TODO)
def update_todo(uow: UnitOfWork, ref: TodoRef, request: UpdateTodo) -> Todo:
    """Update a todo."""
    todo = access.todo(uow, ref).row
    # Locked before the todo, since the deletion of a mission locks the mission before its todos.
    references = _resolve_references(uow, todo.workspace_id, request)
    before = TODOS.lock(uow, todo)
    changes = _todo_columns(request, references)
    return TODOS.change(uow, before, with_completion(changes, before.status, uow.now))


@serves(DELETE_TODO)
def delete_todo(uow: UnitOfWork, ref: TodoRef) -> Ok:
    """Delete a todo."""
    TODOS.remove(uow, access.todo(uow, ref).row)
    return Ok()


@serves(CREATE_DECISION)
def create_decision(uow: UnitOfWork, ref: WorkspaceRef, request: CreateDecision) -> Decision:
    """Record a decision."""
    workspace = accounts_access.workspace(uow, ref).row
    impact = request.impact or None
    return DECISIONS.add(uow, workspace.id, {**get_set_fields(request, Decision), "impact": impact})


@serves(LIST_DECISIONS)
def list_decisions(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[Decision]:
    """Return the decisions of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return DECISIONS.fetch(uow, workspace.id, request)


@serves(CREATE_DOC)
def create_doc(uow: UnitOfWork, ref: WorkspaceRef, request: CreateDoc) -> ActiveDoc:
    """Register a document."""
    workspace = accounts_access.workspace(uow, ref).row
    return DOCS.add(uow, workspace.id, get_set_fields(request, ActiveDoc))


@serves(LIST_DOCS)
def list_docs(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[ActiveDoc]:
    """Return the active documents of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return DOCS.fetch(uow, workspace.id, request)


@serves(UPDATE_DOC)
def update_doc(uow: UnitOfWork, ref: ActiveDocRef, request: UpdateDoc) -> ActiveDoc:
    """Update an active document."""
    before = DOCS.lock(uow, access.doc(uow, ref).row)
    return DOCS.change(uow, before, get_set_fields(request, ActiveDoc))


@serves(DELETE_DOC)
def delete_doc(uow: UnitOfWork, ref: ActiveDocRef) -> Ok:
    """Remove a document from the register."""
    DOCS.remove(uow, access.doc(uow, ref).row)
    return Ok()


def _resolve_references(
    uow: UnitOfWork, workspace_id: str, request: CreateTodo | UpdateTodo
) -> dict[str, object]:
    """Return the columns of the mission and the priority that a request names."""
    numbers = {
        "mission_number": MISSIONS.resolve_reference(uow, workspace_id, request.mission_id, "missionId"),
        "priority_number": PRIORITIES.resolve_reference(uow, workspace_id, request.priority_id, "priorityId"),
    }
    return {name: number for name, number in numbers.items() if number is not UNSET}


def _todo_columns(request: CreateTodo | UpdateTodo, references: Mapping[str, object]) -> dict[str, object]:
    """Return the columns of a todo that a request sets."""
    changes = get_set_fields(request, Todo)
    own_columns = {name: value for name, value in changes.items() if not name.endswith("_id")}
    return {**own_columns, **references}


def _detach_todos(uow: UnitOfWork, statement: Executable, row: LedgerRow) -> None:
    """Remove the reference of todos to a deleted mission or priority."""
    uow.connection.execute(statement, {**row_parameters(row.workspace_id, row.number), "_now": uow.now})
