"""Automations: rules of a project that run an action when an event occurs. Section Automations of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Collection, acts, lists
from stellary.contract.limits import Id, Items, Length, Name
from stellary.contract.policies import AUTOMATIONS_READ, PROJECT_MANAGE
from stellary.contract.proposed_actions import ActionReference
from stellary.contract.refs import AutomationRef, ProjectRef
from stellary.contract.wire import UNSET, DatedItem, RecordedItem, Request, Unset, Value

RULES_MAX = 100
ACTIONS_MAX = 10

TriggerName = Annotated[str, Length(1, 40)]
"""The name of a trigger: a built-in one, or one that the application registers. ``automations.triggers`` lists them."""
TriggerFieldType = Literal["text", "number", "moment", "flag", "list"]
TraceResult = Literal["success", "failure", "skipped"]
ActionType = Annotated[str, Length(1, 100)]
RuleConditions = dict[str, Any]
"""``{"all" | "any": [{"field", "op", "value"}]}``; empty for a rule that always runs."""


class AutomationAction(Value):
    """The action of a rule.

    Attributes:
        type: The name of an action.
        params: The action's parameters, with ids in place of names. ``cardId`` and ``projectId`` default to those of the
            event. If columns of several scopes have the name of ``targetColumn`` or ``column``, this is a list of their ids,
            of which the scope of the card selects one.
    """

    type: str
    params: dict[str, Any]


class AutomationSchedule(Value):
    """The times at which a rule with the trigger ``schedule`` runs.

    Attributes:
        rule: A recurrence rule of iCalendar.
        time_zone: The name of the time zone in which it occurs.
        cards: The filter of the cards for each of which the rule runs; None for a rule that runs without a card.
    """

    rule: str
    time_zone: str
    cards: dict[str, Any] | None


class Automation(DatedItem):
    """An automation rule of a project.

    Attributes:
        conditions: ``{"all" | "any": [{"field", "op", "value"}]}``; empty for a rule that always runs.
        action: The first of the actions.
        actions: All actions, in the order in which they run.
        references: The items that the conditions and the actions refer to by id, with their present names.
        broken: Whether the rule does not run since an item that it needs is missing. It runs again once the item is restored,
            or a change of the rule replaces it.
        problem: What a broken rule lacks, in words; None for other rules.
        schedule: None for other triggers than ``schedule``.
        next_run_at: When the schedule is due next, if the rule is enabled; None for other triggers.
        owner_id: The id of the user with whose rights the rule runs: the last one to change its behavior or enable it.
    """

    project_id: str
    name: str
    trigger: str
    conditions: RuleConditions
    action: AutomationAction
    actions: list[AutomationAction]
    enabled: bool
    references: list[ActionReference]
    broken: bool
    problem: str | None
    schedule: AutomationSchedule | None
    next_run_at: datetime | None
    owner_id: str


class TriggerField(Value):
    """A field of the data of a trigger, which conditions can compare.

    Attributes:
        name: The field of a condition, such as ``data.amount``.
        ops: The operators for this type.
    """

    name: str
    type: TriggerFieldType
    ops: list[str]


class AutomationTrigger(Value):
    """An event that starts rules.

    Attributes:
        name: The value of ``trigger`` in a rule.
        summary: A sentence about when the event occurs.
        fields: The fields of the event's own data, besides those of its card; empty for built-in triggers.
    """

    name: str
    summary: str
    fields: list[TriggerField]


class TraceTarget(Value):
    """The card of an execution, with its key and title at that time."""

    card_id: str
    card_key: str
    card_title: str


class AutomationTrace(RecordedItem):
    """An execution of a rule: exactly one per rule and event.

    Attributes:
        event: The trigger; ``owner_left`` if the rule was disabled because its owner no longer has access to the
            workspace, or because the owner of an e-mail address has taken over the owner's account.
        actor_id: The id of the user with whose rights the rule ran.
        triggered_by_id: The id of the user or agent that caused the event; None for a scheduled event.
        target: None if the event does not concern a card.
        result: ``skipped`` if the conditions did not match, the rule is broken, or its own change was undone.
        error: The reason of a failure, or of skipping an event whose conditions matched.
        step: The number of the last action that ran, from 1; if the result is ``failure``, of the action that failed,
            whose error undid the others. None if none ran.
        duration_ms: The duration of the actions, in milliseconds.
        depth: The number of rules that led to the event; 0 for an event that was not caused by a rule.
    """

    automation_id: str
    event: str
    actor_id: str
    triggered_by_id: str | None
    target: TraceTarget | None
    result: TraceResult
    error: str | None
    step: int | None
    duration_ms: int
    depth: int


class ActionToRun(Request):
    """The action of a rule.

    Attributes:
        type: The name of an action that makes changes: ``move_card``, ``add_comment`` …
        params: The action's parameters. ``cardId`` and ``projectId`` default to those of the event. Texts can contain values
            of the event, such as ``{{card.title}}``; dates can be relative: ``+3d``, ``next monday``, ``end of month``,
            ``{{card.dueDate}} - 1d``.
    """

    type: ActionType
    params: dict[str, Any] | Unset = UNSET


class ScheduleToRun(Request):
    """The times at which a rule runs, at most hourly.

    Attributes:
        rule: A recurrence rule of iCalendar: ``FREQ=WEEKLY;BYDAY=MO;BYHOUR=9``. Without ``BYHOUR``, it occurs at midnight.
        time_zone: The name of a time zone, such as ``Europe/Berlin``.
        cards: The filters of ``cards.list``, by wire name: the rule runs for each matching card. ``{}`` for all cards. Default: the
            rule runs once, without a card.
    """

    rule: Annotated[str, Length(1, 200)]
    time_zone: Annotated[str, Length(1, 64)] = "UTC"
    cards: dict[str, Any] | None = None


ActionsToRun = Annotated[list[ActionToRun], Items(1, ACTIONS_MAX)]


class CreateAutomation(Request):
    """The fields of a new rule. A project has at most 100.

    Attributes:
        trigger: The name of a trigger, such as ``task_moved``; ``automations.triggers`` lists them.
        action: The only action; required without ``actions``.
        actions: 1-10 actions, which run in this order: all of them or none.
        name: 1-100 characters. Default: composed of the trigger and the action.
        conditions: ``{"all" | "any": [{"field", "op", "value"}]}``, nested at most 4 levels deep. A rule without
            conditions always runs.
        enabled: False creates the rule disabled.
        schedule: Required for the trigger ``schedule``, and only for it.
    """

    trigger: TriggerName
    action: ActionToRun | Unset = UNSET
    name: Name | Unset = UNSET
    conditions: RuleConditions | Unset | None = UNSET
    enabled: bool = True
    actions: ActionsToRun | Unset = UNSET
    schedule: ScheduleToRun | Unset = UNSET


class UpdateAutomation(Request):
    """The fields to change.

    Omitted fields keep their values. A caller who changes the rule's behavior or enables it becomes its owner.

    Attributes:
        trigger: The name of a trigger.
        conditions: Replaces all conditions; ``None`` for a rule that always runs.
        action: Replaces all actions by one.
        actions: Replaces all actions by 1-10 others.
        schedule: Replaces the schedule. A rule that gets another trigger loses it.
    """

    name: Name | Unset = UNSET
    trigger: TriggerName | Unset = UNSET
    conditions: RuleConditions | Unset | None = UNSET
    action: ActionToRun | Unset = UNSET
    enabled: bool | Unset = UNSET
    actions: ActionsToRun | Unset = UNSET
    schedule: ScheduleToRun | Unset = UNSET


class TryAutomation(Request):
    """The card for which the rule is tried.

    Attributes:
        card_id: A card of the project; required, except for a rule that runs without a card, which takes none.
    """

    card_id: Id | Unset = UNSET


class AutomationTrial(Value):
    """The effects that a rule would have on a card now.

    Attributes:
        matches: Whether the conditions are true for the card as it is, without what an event would have changed.
        actions: The actions with the card's values and dates, up to the first one that fails.
        error: Why the rule would fail, or does not run; None if all actions succeed.
    """

    matches: bool
    actions: list[AutomationAction]
    error: str | None


class ToggleAutomation(Request):
    """The state to switch the rule to.

    Attributes:
        enabled: Default: the opposite of the current state.
    """

    enabled: bool | Unset = UNSET


_AUTOMATIONS = Collection(ProjectRef, "automations", AutomationRef, Automation)
CREATE_AUTOMATION = _AUTOMATIONS.creates(
    "automations.create",
    summary="Create a rule that runs with the caller's rights when an event occurs in the project.",
    takes=CreateAutomation,
    policy=PROJECT_MANAGE,
)
LIST_AUTOMATIONS = _AUTOMATIONS.lists(
    "automations.list",
    summary="List the rules of a project, in the order in which they run.",
    policy=AUTOMATIONS_READ,
)
GET_AUTOMATION = _AUTOMATIONS.reads(
    "automations.get",
    summary="Get an automation rule.",
    policy=AUTOMATIONS_READ,
)
UPDATE_AUTOMATION = _AUTOMATIONS.updates(
    "automations.update",
    summary="Update a rule. A change of its behavior makes it run with the caller's rights.",
    takes=UpdateAutomation,
    policy=PROJECT_MANAGE,
)
DELETE_AUTOMATION = _AUTOMATIONS.deletes(
    "automations.delete",
    summary="Delete a rule and its execution traces.",
    policy=PROJECT_MANAGE,
)
TOGGLE_AUTOMATION = _AUTOMATIONS.updates(
    "automations.toggle",
    "toggle",
    summary="Enable or disable a rule.",
    takes=ToggleAutomation,
    policy=PROJECT_MANAGE,
)
TRY_AUTOMATION = acts(
    "automations.test",
    AutomationRef,
    "test",
    summary="Try what a rule would do for a card, without changing anything.",
    takes=TryAutomation,
    returns=AutomationTrial,
    policy=PROJECT_MANAGE,
)
LIST_TRACES = lists(
    "automations.traces",
    AutomationRef,
    "traces",
    summary="List the execution traces of a rule, newest first. About the latest 1000 are kept.",
    item=AutomationTrace,
    policy=AUTOMATIONS_READ,
)
LIST_TRIGGERS = lists(
    "automations.triggers",
    ProjectRef,
    "automations/triggers",
    summary="List the triggers that rules can use: the built-in ones, and those of the application.",
    item=AutomationTrigger,
    policy=AUTOMATIONS_READ,
)
