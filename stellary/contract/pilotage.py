"""Pilotage: missions, priorities, todos and decisions. Section Pilotage of the API reference.

Ids are short, numbered per workspace and never reused: ``m-001``, ``p-001``, ``t-001``, ``d-001``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Collection, creates, lists
from stellary.contract.limits import Id, Length, Name
from stellary.contract.policies import PILOTAGE_DELETE, PILOTAGE_READ, PILOTAGE_WRITE
from stellary.contract.refs import MissionRef, PilotagePriorityRef, TodoRef, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, Paged, Request, Unset

MissionStatus = Literal["to_launch", "in_progress", "blocked", "done"]
PilotagePriorityStatus = Literal["active", "done"]
TodoStatus = Literal["todo", "in_progress", "blocked", "done"]
Headline = Annotated[str, Length(1, 500)]
"""The title of a pilotage item."""
Reason = Annotated[str, Length(0, 200)]
Impact = Annotated[str, Length(0, 2_000)]


class Mission(DatedItem):
    """A goal of the workspace.

    Attributes:
        id: ``m-001``.
        module: The part of the product that the mission concerns.
        blocked_reason: Why the mission is blocked; None unless its status is ``blocked``.
        completed_at: When the mission was completed; None unless it is ``done``.
    """

    objective: str
    module: str | None
    status: MissionStatus
    blocked_reason: str | None
    completed_at: datetime | None
    created_by_id: str


class PilotagePriority(DatedItem):
    """A current priority of the workspace. Three or four are recommended; there is no limit.

    Attributes:
        id: ``p-001``.
    """

    label: str
    module: str | None
    status: PilotagePriorityStatus
    completed_at: datetime | None
    created_by_id: str


class Todo(DatedItem):
    """A task, optionally linked to a mission or a priority.

    Attributes:
        id: ``t-001``.
        mission_id, priority_id: The linked mission and priority; None if there is none or it was deleted.
    """

    label: str
    mission_id: str | None
    priority_id: str | None
    status: TodoStatus
    completed_at: datetime | None
    created_by_id: str


class Decision(DatedItem):
    """A recorded decision. Decisions cannot be changed or deleted.

    Attributes:
        id: ``d-001``.
        impact: The consequences of the decision.
    """

    title: str
    impact: str | None
    created_by_id: str


class CreateMission(Request):
    """The fields of a new mission.

    Attributes:
        objective: 1-500 characters.
        module: The part of the product that the mission concerns; 1-100 characters.
    """

    objective: Headline
    module: Name | Unset | None = UNSET


class ListMissions(Paged):
    """Filters for the list of missions."""

    status: MissionStatus | Unset = UNSET


class UpdateMission(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        blocked_reason: At most 200 characters, for a blocked mission. Cleared when the mission is no longer blocked.
    """

    objective: Headline | Unset = UNSET
    module: Name | Unset | None = UNSET
    status: MissionStatus | Unset = UNSET
    blocked_reason: Reason | Unset | None = UNSET


class CreatePriority(Request):
    """The fields of a new priority. It is active from the start.

    Attributes:
        label: 1-500 characters.
        module: The part of the product that the priority concerns; 1-100 characters.
    """

    label: Headline
    module: Name | Unset | None = UNSET


class ListPriorities(Paged):
    """Filters for the list of priorities."""

    status: PilotagePriorityStatus | Unset = UNSET


class UpdatePriority(Request):
    """The fields to change. Omitted fields keep their values."""

    label: Headline | Unset = UNSET
    module: Name | Unset | None = UNSET
    status: PilotagePriorityStatus | Unset = UNSET


class CreateTodo(Request):
    """The fields of a new todo.

    Attributes:
        label: 1-500 characters.
        mission_id: Link to a mission: ``m-001``.
        priority_id: Link to a priority: ``p-001``.
    """

    label: Headline
    mission_id: Id | Unset | None = UNSET
    priority_id: Id | Unset | None = UNSET


class ListTodos(Paged):
    """Filters for the list of todos."""

    status: TodoStatus | Unset = UNSET


class UpdateTodo(Request):
    """The fields to change. Omitted fields keep their values; None unlinks the todo from its mission or priority."""

    label: Headline | Unset = UNSET
    mission_id: Id | Unset | None = UNSET
    priority_id: Id | Unset | None = UNSET
    status: TodoStatus | Unset = UNSET


class CreateDecision(Request):
    """The fields of a new decision.

    Attributes:
        title: 1-500 characters.
        impact: The consequences of the decision; at most 2000 characters.
    """

    title: Headline
    impact: Impact | Unset | None = UNSET


_MISSIONS = Collection(WorkspaceRef, "pilotage/missions", MissionRef, Mission)
_PRIORITIES = Collection(WorkspaceRef, "pilotage/priorities", PilotagePriorityRef, PilotagePriority)
_TODOS = Collection(WorkspaceRef, "pilotage/todos", TodoRef, Todo)
CREATE_MISSION = _MISSIONS.creates(
    "pilotage.create_mission",
    summary="Create a mission.",
    takes=CreateMission,
    policy=PILOTAGE_WRITE,
)
LIST_MISSIONS = _MISSIONS.lists(
    "pilotage.list_missions",
    summary="List the missions of a workspace.",
    takes=ListMissions,
    policy=PILOTAGE_READ,
)
UPDATE_MISSION = _MISSIONS.updates(
    "pilotage.update_mission",
    summary="Update a mission's status or details.",
    takes=UpdateMission,
    policy=PILOTAGE_WRITE,
)
DELETE_MISSION = _MISSIONS.deletes(
    "pilotage.delete_mission",
    summary="Delete a mission. Its todos are kept and unlinked.",
    policy=PILOTAGE_DELETE,
)
CREATE_PRIORITY = _PRIORITIES.creates(
    "pilotage.create_priority",
    summary="Create a priority.",
    takes=CreatePriority,
    policy=PILOTAGE_WRITE,
)
LIST_PRIORITIES = _PRIORITIES.lists(
    "pilotage.list_priorities",
    summary="List the priorities of a workspace, including completed ones.",
    takes=ListPriorities,
    policy=PILOTAGE_READ,
)
UPDATE_PRIORITY = _PRIORITIES.updates(
    "pilotage.update_priority",
    summary="Update a priority or mark it as done.",
    takes=UpdatePriority,
    policy=PILOTAGE_WRITE,
)
DELETE_PRIORITY = _PRIORITIES.deletes(
    "pilotage.delete_priority",
    summary="Delete a priority. Its todos are kept and unlinked.",
    policy=PILOTAGE_DELETE,
)
CREATE_TODO = _TODOS.creates(
    "pilotage.create_todo",
    summary="Create a todo, optionally linked to a mission or priority.",
    takes=CreateTodo,
    policy=PILOTAGE_WRITE,
)
LIST_TODOS = _TODOS.lists(
    "pilotage.list_todos",
    summary="List the todos of a workspace.",
    takes=ListTodos,
    policy=PILOTAGE_READ,
)
UPDATE_TODO = _TODOS.updates(
    "pilotage.update_todo",
    summary="Update a todo's status, label or links.",
    takes=UpdateTodo,
    policy=PILOTAGE_WRITE,
)
DELETE_TODO = _TODOS.deletes("pilotage.delete_todo", summary="Delete a todo.", policy=PILOTAGE_DELETE)
CREATE_DECISION = creates(
    "pilotage.create_decision",
    WorkspaceRef,
    "pilotage/decisions",
    summary="Record a decision.",
    takes=CreateDecision,
    returns=Decision,
    policy=PILOTAGE_WRITE,
)
LIST_DECISIONS = lists(
    "pilotage.list_decisions",
    WorkspaceRef,
    "pilotage/decisions",
    summary="List the decisions of a workspace.",
    item=Decision,
    policy=PILOTAGE_READ,
)
