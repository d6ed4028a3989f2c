"""Pilotage: missions, priorities, todos and decisions. Section Pilotage of the API reference.

Ids are short, and count in each workspace: ``m-001``, ``p-001``, ``t-001``, ``d-001``. None is given twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Id, Length, Name
from stellary.contract.paging import Paged
from stellary.contract.policies import PILOTAGE_DELETE, PILOTAGE_READ, PILOTAGE_WRITE
from stellary.contract.refs import MissionRef, PilotagePriorityRef, TodoRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

MissionStatus = Literal["to_launch", "in_progress", "blocked", "done"]
PilotagePriorityStatus = Literal["active", "done"]
TodoStatus = Literal["todo", "in_progress", "blocked", "done"]
Headline = Annotated[str, Length(1, 500)]
"""What a thing of pilotage is called."""
Reason = Annotated[str, Length(0, 200)]
Impact = Annotated[str, Length(0, 2_000)]


@value
class Mission(Value):
    """What a workspace is out to reach.

    Attributes:
        id: ``m-001``.
        module: The part of the product that it is about.
        blocked_reason: What is in the way; None unless it is blocked.
        completed_at: Since when it is done; None if it is not.
    """

    id: str
    objective: str
    module: str | None
    status: MissionStatus
    blocked_reason: str | None
    completed_at: datetime | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@value
class PilotagePriority(Value):
    """What comes first in a workspace at the moment; three or four are meant, more are allowed.

    Attributes:
        id: ``p-001``.
    """

    id: str
    label: str
    module: str | None
    status: PilotagePriorityStatus
    completed_at: datetime | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@value
class Todo(Value):
    """A step, on its own or towards a mission or a priority.

    Attributes:
        id: ``t-001``.
        mission_id, priority_id: What it serves; None once that is deleted.
    """

    id: str
    label: str
    mission_id: str | None
    priority_id: str | None
    status: TodoStatus
    completed_at: datetime | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@value
class Decision(Value):
    """Something that was decided, on record for good.

    Attributes:
        id: ``d-001``.
        impact: What follows from it.
    """

    id: str
    title: str
    impact: str | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@request
class CreateMission(Request):
    """A mission to be launched.

    Attributes:
        objective: 1-500 characters.
        module: The part of the product that it is about; 1-100 characters.
    """

    objective: Headline
    module: Name | Unset | None = UNSET


@request
class ListMissions(Paged):
    """Which missions: all, or those of a status."""

    status: MissionStatus | Unset = UNSET


@request
class UpdateMission(Request):
    """What is not named stays.

    Attributes:
        blocked_reason: Up to 200 characters, of a mission that is blocked; it goes when the mission is so no longer.
    """

    objective: Headline | Unset = UNSET
    module: Name | Unset | None = UNSET
    status: MissionStatus | Unset = UNSET
    blocked_reason: Reason | Unset | None = UNSET


@request
class CreatePriority(Request):
    """A priority to be, active from the beginning.

    Attributes:
        label: 1-500 characters.
        module: The part of the product that it is about; 1-100 characters.
    """

    label: Headline
    module: Name | Unset | None = UNSET


@request
class ListPriorities(Paged):
    """Which priorities: all, or those of a status."""

    status: PilotagePriorityStatus | Unset = UNSET


@request
class UpdatePriority(Request):
    """What is not named stays."""

    label: Headline | Unset = UNSET
    module: Name | Unset | None = UNSET
    status: PilotagePriorityStatus | Unset = UNSET


@request
class CreateTodo(Request):
    """A step to be done.

    Attributes:
        label: 1-500 characters.
        mission_id: The mission that it serves: ``m-001``.
        priority_id: The priority that it serves: ``p-001``.
    """

    label: Headline
    mission_id: Id | Unset | None = UNSET
    priority_id: Id | Unset | None = UNSET


@request
class ListTodos(Paged):
    """Which todos: all, or those of a status."""

    status: TodoStatus | Unset = UNSET


@request
class UpdateTodo(Request):
    """What is not named stays; None takes a todo from its mission, or its priority."""

    label: Headline | Unset = UNSET
    mission_id: Id | Unset | None = UNSET
    priority_id: Id | Unset | None = UNSET
    status: TodoStatus | Unset = UNSET


@request
class CreateDecision(Request):
    """A decision to be recorded.

    Attributes:
        title: 1-500 characters.
        impact: What follows from it; up to 2000 characters.
    """

    title: Headline
    impact: Impact | Unset | None = UNSET


CREATE_MISSION = creates(
    "pilotage.create_mission",
    WorkspaceRef,
    "pilotage/missions",
    summary="Create a mission, to be launched.",
    takes=CreateMission,
    returns=Mission,
    policy=PILOTAGE_WRITE,
)
LIST_MISSIONS = lists(
    "pilotage.list_missions",
    WorkspaceRef,
    "pilotage/missions",
    summary="List the missions of a workspace.",
    takes=ListMissions,
    item=Mission,
    policy=PILOTAGE_READ,
)
UPDATE_MISSION = updates(
    "pilotage.update_mission",
    MissionRef,
    summary="Change a mission: its status, what blocks it, what it is about.",
    takes=UpdateMission,
    returns=Mission,
    policy=PILOTAGE_WRITE,
)
DELETE_MISSION = deletes(
    "pilotage.delete_mission",
    MissionRef,
    summary="Delete a mission; its todos stay, without it.",
    returns=Ok,
    policy=PILOTAGE_DELETE,
)
CREATE_PRIORITY = creates(
    "pilotage.create_priority",
    WorkspaceRef,
    "pilotage/priorities",
    summary="Create a priority.",
    takes=CreatePriority,
    returns=PilotagePriority,
    policy=PILOTAGE_WRITE,
)
LIST_PRIORITIES = lists(
    "pilotage.list_priorities",
    WorkspaceRef,
    "pilotage/priorities",
    summary="List the priorities of a workspace, done ones too.",
    takes=ListPriorities,
    item=PilotagePriority,
    policy=PILOTAGE_READ,
)
UPDATE_PRIORITY = updates(
    "pilotage.update_priority",
    PilotagePriorityRef,
    summary="Change a priority, or declare it done.",
    takes=UpdatePriority,
    returns=PilotagePriority,
    policy=PILOTAGE_WRITE,
)
DELETE_PRIORITY = deletes(
    "pilotage.delete_priority",
    PilotagePriorityRef,
    summary="Delete a priority; its todos stay, without it.",
    returns=Ok,
    policy=PILOTAGE_DELETE,
)
CREATE_TODO = creates(
    "pilotage.create_todo",
    WorkspaceRef,
    "pilotage/todos",
    summary="Create a todo, for a mission or a priority if need be.",
    takes=CreateTodo,
    returns=Todo,
    policy=PILOTAGE_WRITE,
)
LIST_TODOS = lists(
    "pilotage.list_todos",
    WorkspaceRef,
    "pilotage/todos",
    summary="List the todos of a workspace.",
    takes=ListTodos,
    item=Todo,
    policy=PILOTAGE_READ,
)
UPDATE_TODO = updates(
    "pilotage.update_todo",
    TodoRef,
    summary="Change a todo: its status, its label, what it serves.",
    takes=UpdateTodo,
    returns=Todo,
    policy=PILOTAGE_WRITE,
)
DELETE_TODO = deletes(
    "pilotage.delete_todo", TodoRef, summary="Delete a todo.", returns=Ok, policy=PILOTAGE_DELETE
)
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
    takes=Paged,
    item=Decision,
    policy=PILOTAGE_READ,
)
ENDPOINTS = (
    CREATE_MISSION,
    LIST_MISSIONS,
    UPDATE_MISSION,
    DELETE_MISSION,
    CREATE_PRIORITY,
    LIST_PRIORITIES,
    UPDATE_PRIORITY,
    DELETE_PRIORITY,
    CREATE_TODO,
    LIST_TODOS,
    UPDATE_TODO,
    DELETE_TODO,
    CREATE_DECISION,
    LIST_DECISIONS,
)
