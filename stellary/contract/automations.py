"""Automations: rules of a project that act when something happens. Section Automations of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Ok, creates, deletes, lists, reads, updates
from stellary.contract.limits import Length, Name
from stellary.contract.paging import Paged
from stellary.contract.policies import AUTOMATIONS_READ, PROJECT_MANAGE
from stellary.contract.refs import AutomationRef, ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

RULES_MAX = 100

Trigger = Literal[
    "task_moved",
    "task_created",
    "checklist_complete",
    "due_date_reached",
    "task_status_changed",
    "task_assigned",
    "task_added_to_board",
]
TraceResult = Literal["success", "failure", "skipped"]
TraceEvent = Literal[
    "task_moved",
    "task_created",
    "checklist_complete",
    "due_date_reached",
    "task_status_changed",
    "task_assigned",
    "task_added_to_board",
    "owner_left",
]
ActionType = Annotated[str, Length(1, 100)]


@value
class AutomationAction(Value):
    """What a rule does.

    Attributes:
        type: The name of an action.
        params: Its params; ``cardId`` and ``projectId`` are those of the event unless they are named.
    """

    type: str
    params: dict[str, Any]


@value
class Automation(Value):
    """A rule of a project.

    Attributes:
        conditions: ``{"all" | "any": [{"field", "op", "value"}]}``; empty for a rule that always acts.
        owner_id: On whose behalf it acts: whoever last said what it does, or turned it on.
    """

    id: str
    project_id: str
    name: str
    trigger: Trigger
    conditions: dict[str, Any]
    action: AutomationAction
    enabled: bool
    owner_id: str
    created_at: datetime
    updated_at: datetime


@value
class TraceTarget(Value):
    """The card that a rule was about, as it was called then."""

    card_id: str
    card_key: str
    card_title: str


@value
class AutomationTrace(Value):
    """What a rule has made of an event: one trace for each, and never a second one.

    Attributes:
        event: The trigger; ``owner_left`` where the rule was turned off because its owner no longer reaches the workspace.
        actor_id: On whose behalf it acted.
        triggered_by_id: Who made the event happen; None for the clock.
        target: None if the event is not about a card.
        result: ``skipped`` where the conditions did not hold.
        error: What was in the way, of a failure.
        duration_ms: How long the action took, in milliseconds.
        depth: How many rules had led to the event; 0 for what somebody did by hand.
    """

    id: str
    automation_id: str
    event: TraceEvent
    actor_id: str
    triggered_by_id: str | None
    target: TraceTarget | None
    result: TraceResult
    error: str | None
    duration_ms: int
    depth: int
    created_at: datetime


@request
class ActionToRun(Request):
    """What a rule does.

    Attributes:
        type: The name of an action that writes: ``move_card``, ``add_comment`` …
        params: As that action takes them; ``cardId`` and ``projectId`` are those of the event unless they are named.
    """

    type: ActionType
    params: dict[str, Any] | Unset = UNSET


@request
class CreateAutomation(Request):
    """A rule to be; a project has 100 at most.

    Attributes:
        name: 1-100 characters; made of the trigger and the action if not given.
        conditions: ``{"all" | "any": [{"field", "op", "value"}]}``, nested at most 4 deep; a rule without any always acts.
        enabled: False for one that waits to be turned on.
    """

    trigger: Trigger
    action: ActionToRun
    name: Name | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    enabled: bool = True


@request
class UpdateAutomation(Request):
    """What is not named stays. Who changes what a rule does, or turns it on, becomes its owner.

    Attributes:
        conditions: All of them anew; ``None`` for a rule that always acts.
    """

    name: Name | Unset = UNSET
    trigger: Trigger | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    action: ActionToRun | Unset = UNSET
    enabled: bool | Unset = UNSET


@request
class ToggleAutomation(Request):
    """Whether a rule is to act.

    Attributes:
        enabled: The opposite of what it is if not given.
    """

    enabled: bool | Unset = UNSET


CREATE_AUTOMATION = creates(
    "automations.create",
    ProjectRef,
    "automations",
    summary="Create a rule that acts on the caller's behalf when something happens in the project.",
    takes=CreateAutomation,
    returns=Automation,
    policy=PROJECT_MANAGE,
)
LIST_AUTOMATIONS = lists(
    "automations.list",
    ProjectRef,
    "automations",
    summary="List the rules of a project, in the order in which they act.",
    takes=Paged,
    item=Automation,
    policy=AUTOMATIONS_READ,
)
GET_AUTOMATION = reads(
    "automations.get",
    AutomationRef,
    summary="One rule of a project.",
    returns=Automation,
    policy=AUTOMATIONS_READ,
)
UPDATE_AUTOMATION = updates(
    "automations.update",
    AutomationRef,
    summary="Change a rule, which from then on acts on the caller's behalf.",
    takes=UpdateAutomation,
    returns=Automation,
    policy=PROJECT_MANAGE,
)
DELETE_AUTOMATION = deletes(
    "automations.delete",
    AutomationRef,
    summary="Delete a rule, with its traces.",
    returns=Ok,
    policy=PROJECT_MANAGE,
)
TOGGLE_AUTOMATION = updates(
    "automations.toggle",
    AutomationRef,
    "toggle",
    summary="Turn a rule on or off.",
    takes=ToggleAutomation,
    returns=Automation,
    policy=PROJECT_MANAGE,
)
LIST_TRACES = lists(
    "automations.traces",
    AutomationRef,
    "traces",
    summary="List what a rule has done, newest first; about the last thousand times.",
    takes=Paged,
    item=AutomationTrace,
    policy=AUTOMATIONS_READ,
)

ENDPOINTS = (
    CREATE_AUTOMATION,
    LIST_AUTOMATIONS,
    GET_AUTOMATION,
    UPDATE_AUTOMATION,
    DELETE_AUTOMATION,
    TOGGLE_AUTOMATION,
    LIST_TRACES,
)
