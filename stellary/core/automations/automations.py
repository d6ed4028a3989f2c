"""Services for the rules of a project. Section Automations of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard, cast

from sqlalchemy import bindparam, case, func, select, update

from stellary.contract.automations import (
    CREATE_AUTOMATION,
    DELETE_AUTOMATION,
    GET_AUTOMATION,
    LIST_AUTOMATIONS,
    RULES_MAX,
    TOGGLE_AUTOMATION,
    UPDATE_AUTOMATION,
    ActionToRun,
    Automation,
    AutomationAction,
    CreateAutomation,
    ToggleAutomation,
    UpdateAutomation,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, Invalid
from stellary.contract.fields import build_value, replace_fields, update_value
from stellary.contract.project_imports import ImportedAutomation
from stellary.contract.refs import AutomationRef, ProjectRef
from stellary.contract.wire import UNSET, Listing, Paged, Request, invalid, load, wire_fields
from stellary.core.accounts.rules import SEES_ALL
from stellary.core.accounts.subscribers import mark_subscribed
from stellary.core.automations import access, rows, targets, triggers
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.rules.conditions import ENTRIES_MAX, check_conditions
from stellary.core.automations.rules.occurrences import CHANGE_TRIGGERS, with_event_ids
from stellary.core.automations.rules.values import check_names, use_sample_dates
from stellary.core.automations.scheduling import find_next_run, find_schedule, resolve_schedule
from stellary.core.automations.tables import automations
from stellary.core.automations.triggers import SCHEDULE, Trigger
from stellary.core.board import access as board_access
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages, keep_row
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.pilotage.action_params import COLUMN_PARAMS, Candidates, resolve_params
from stellary.core.pilotage.references import (
    NOTHING,
    References,
    describe_rules,
    name_action_part,
    save_references,
)

_IN_PROJECT = is_given(automations.c.project_id)
_LIST = Pages(AutomationRow, select(automations).where(_IN_PROJECT), automations.c.id)
_COUNT = select(func.count()).select_from(automations).where(_IN_PROJECT)
_CHANGE = update(automations).where(is_given(automations.c.id)).returning(*rows.RULE)
_UPDATE = Query(AutomationRow, _CHANGE)
_OWNED = {"trigger", "conditions", "action_type", "action_params", "further_actions", "schedule", "enabled"}
"""The columns whose change makes the caller the owner."""


_now = bindparam("_now", type_=automations.c.updated_at.type)
_enabled = func.coalesce(bindparam("_enabled", type_=automations.c.enabled.type), ~automations.c.enabled)
# A rule that is already enabled keeps its owner.
_turns_on = _enabled & ~automations.c.enabled
# Concurrent switches apply one after the other.
_SWITCH = Query(
    AutomationRow,
    _CHANGE.values(
        enabled=_enabled,
        owner_id=case((_turns_on, bindparam("_user_id")), else_=automations.c.owner_id),
        armed_at=case((_turns_on, _now), else_=automations.c.armed_at),
        updated_at=_now,
    ),
)


@serves(CREATE_AUTOMATION)
def create_automation(uow: UnitOfWork, ref: ProjectRef, request: CreateAutomation) -> Automation:
    """Create a rule, which acts on behalf of the caller.

    Args:
        uow: A unit of work that writes.
        ref: The project.
        request: The rule. Defaults: a name made from the action and the trigger, no conditions, enabled.

    Raises:
        Invalid: The conditions or the action are malformed, or name an item that does not exist.
        Conflict: The project has too many rules.
    """
    project = board_access.load_locked_project(uow, ref).row
    trigger = triggers.check_trigger(uow, request.trigger)
    candidates = Candidates(uow, ref, project.workspace_id)
    resolved, references = _resolve_parts(candidates, request, trigger, None)
    if uow.connection.execute(_COUNT, {"_project_id": project.id}).scalar_one() >= RULES_MAX:
        raise Conflict(f"a project has at most {RULES_MAX} automations", code="automations_full")
    rule = insert_rule(candidates, request, resolved, references)
    mark_subscribed(uow, project.workspace_id, has_change_rules=rule.trigger in CHANGE_TRIGGERS)
    rule = replace_fields(
        rule, references=describe_rules(uow, [rule.id], SEES_ALL).get(rule.id, NOTHING).references
    )
    emit_change(uow, project.workspace_id, None, rule)
    return rule


def insert_rule(
    candidates: Candidates,
    request: CreateAutomation | ImportedAutomation,
    resolved: Mapping[str, object],
    references: References,
) -> Automation:
    """Insert a rule that acts on behalf of the caller, and its references.

    Args:
        candidates: The items of its project.
        request: The rule.
        resolved: The fields that have ids in place of names, or differ from the request.
        references: The items that it refers to, by the part of the rule.
    """
    uow = candidates.uow
    action = cast("AutomationAction", resolved["action"])
    rule = build_value(
        Automation,
        request,
        id=uow.new_id(),
        project_id=candidates.ref.project_id,
        name=request.name or default_name(action, request.trigger),
        references=[],
        broken=False,
        problem=None,
        owner_id=uow.user_id,
        created_at=uow.now,
        updated_at=uow.now,
        **resolved,
    )
    rows.FIELDS.insert(uow, rule, armed_at=uow.now)
    save_references(uow, candidates.workspace_id, rule.id, references)
    return rule


@serves(LIST_AUTOMATIONS)
def list_automations(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[Automation]:
    """Return the rules of a project, oldest first, which is the order in which they act."""
    loaded = board_access.project_with_sight(uow, ref)
    page = _LIST.fetch(uow, request, keep_row, _project_id=loaded.row.id)
    return Listing(rows.automations_of(uow, page.items, loaded.roles.sight), page.next)


@serves(GET_AUTOMATION)
def get_automation(uow: UnitOfWork, ref: AutomationRef) -> Automation:
    """Return one rule."""
    loaded = access.automation(uow, ref)
    return rows.automation(uow, loaded.row, loaded.roles.sight)


@serves(UPDATE_AUTOMATION)
def update_automation(uow: UnitOfWork, ref: AutomationRef, request: UpdateAutomation) -> Automation:
    """Update a rule. A caller who changes its trigger, conditions or action becomes its owner."""
    loaded = access.automation(uow, ref)
    before = rows.automation(uow, loaded.row, loaded.roles.sight)
    workspace_id = loaded.roles.workspace_id
    trigger = triggers.find_trigger(uow, before.trigger) or Trigger(before.trigger, "")
    if request.trigger:
        trigger = triggers.check_trigger(uow, request.trigger)
    candidates = Candidates(uow, ref.parent(ProjectRef), workspace_id)
    resolved, references = _resolve_parts(candidates, request, trigger, before)
    after = update_value(before, request, uow.now, **resolved)
    save_references(uow, workspace_id, before.id, references)
    if after.trigger in CHANGE_TRIGGERS:
        mark_subscribed(uow, workspace_id, has_change_rules=True)
    row = loaded.row if after is before else _write_changes(uow, before, after)
    updated = rows.automation(uow, row, loaded.roles.sight)
    if updated.enabled and not before.enabled:
        triggers.require_trigger(uow, updated.trigger)
    emit_change(uow, workspace_id, before, updated)
    return updated


@serves(DELETE_AUTOMATION)
def delete_automation(uow: UnitOfWork, ref: AutomationRef) -> Ok:
    """Delete a rule and its traces."""
    loaded = access.automation(uow, ref)
    rule = rows.automation(uow, loaded.row, loaded.roles.sight)
    rows.FIELDS.delete(uow, rule)
    emit_change(uow, loaded.roles.workspace_id, rule, None)
    return Ok()


@serves(TOGGLE_AUTOMATION)
def toggle_automation(uow: UnitOfWork, ref: AutomationRef, request: ToggleAutomation) -> Automation:
    """Turn a rule on or off; without ``enabled`` in the request, switch it."""
    loaded = access.automation(uow, ref)
    enabled = None if request.enabled is UNSET else request.enabled
    parameters = {"_id": loaded.row.id, "_enabled": enabled, "_user_id": uow.user_id, "_now": uow.now}
    row = _SWITCH.first(uow.connection, parameters)
    updated = rows.automation(uow, board_access.require_row(row, "Automation"), loaded.roles.sight)
    before = rows.automation(uow, loaded.row, loaded.roles.sight)
    if updated.enabled and not before.enabled:
        triggers.require_trigger(uow, updated.trigger)
    if updated.enabled != before.enabled:
        emit_change(uow, loaded.roles.workspace_id, before, updated)
    return updated


def _write_changes(uow: UnitOfWork, before: Automation, after: Automation) -> AutomationRow:
    """Write the changes of a rule, and return its row."""
    changes = rows.FIELDS.to_changes(before, after)
    if changes.keys() & _OWNED and (after.enabled or changes.keys() & _OWNED != {"enabled"}):
        changes["owner_id"] = uow.user_id
    if changes.keys() & {"trigger", "enabled"}:
        changes["armed_at"] = uow.now
    row = _UPDATE.first(uow.connection, {"_id": before.id, **changes})
    return board_access.require_row(row, "Automation")


def _resolve_parts(
    candidates: Candidates,
    request: CreateAutomation | UpdateAutomation,
    trigger: Trigger,
    before: Automation | None,
) -> tuple[dict[str, object], References]:
    """Return the parts of a rule that a request changes, with ids in place of names, and their references.

    Raises:
        Invalid: A part is malformed, names an item that does not exist, or does not fit the trigger.
    """
    references: References = {}
    former_schedule = None if before is None else before.schedule
    schedule = find_schedule(candidates.uow, request.schedule, trigger, former_schedule)
    if request.schedule:
        schedule = resolve_schedule(candidates, schedule)
    resolved: dict[str, object] = {"schedule": schedule}
    if before is None or schedule != former_schedule:
        resolved["next_run_at"] = find_next_run(schedule, candidates.uow.now)
    if request.schedule or (before is not None and before.trigger == SCHEDULE != trigger.name):
        references[SCHEDULE] = candidates.references
    trigger = trigger.with_schedule(schedule)
    if before is None or request.conditions is not UNSET:
        candidates.references = references["conditions"] = set()
        conditions = targets.name_fields(candidates, request.conditions or {})
        check_rule_conditions(conditions, trigger)
        resolved["conditions"] = targets.resolve_conditions(candidates, conditions)
    if before is None or request.action is not UNSET or request.actions is not UNSET:
        actions, action_references = _resolve_actions(candidates, list_actions_to_run(request), trigger)
        resolved |= {"action": actions[0], "actions": actions}
        references |= action_references
    if before is not None and (request.trigger or request.schedule):
        _check_kept_parts(candidates.uow, before, resolved, trigger)
    return resolved, references


def _check_kept_parts(
    uow: UnitOfWork, before: Automation, resolved: Mapping[str, object], trigger: Trigger
) -> None:
    """Check that what a request does not change fits a new trigger or schedule.

    Raises:
        Invalid: The conditions use data that the trigger does not have, or the actions data or a card.
    """
    if "conditions" not in resolved:
        check_rule_conditions(before.conditions, trigger)
    if "actions" not in resolved:
        for index, action in enumerate(before.actions):
            check_action(uow, action.type, action.params, f"actions[{index}]", trigger)


def check_rule_conditions(
    conditions: Mapping[str, object], trigger: Trigger, path: str = "conditions"
) -> None:
    """Check that conditions are well-formed, and fit the trigger of their rule.

    Args:
        conditions: The conditions.
        trigger: The trigger.
        path: Their position in the request, for errors.

    Raises:
        Invalid: They are malformed, or compare cards although the events of the trigger have none.
    """
    if conditions and not trigger.has_card:
        raise invalid((path, "need schedule.cards, since they compare cards"))
    check_conditions(conditions, path, trigger.condition_fields)


def default_name(action: AutomationAction | ActionToRun, trigger: str) -> str:
    """Return the name of a rule that has none.

    Args:
        action: The first thing that the rule does.
        trigger: The event that starts it.
    """
    return f"{action.type} on {trigger}"[:100]


def list_actions_to_run(
    request: CreateAutomation | UpdateAutomation | ImportedAutomation, path: str = ""
) -> Sequence[tuple[str, ActionToRun]]:
    """Return the actions of a request, each after its path.

    Args:
        request: The request, or a rule of a project file, which has the first action twice.
        path: The position of the rule in the request, for errors.

    Raises:
        Invalid: The request has neither ``action`` nor ``actions``, or two that contradict each other.
    """
    prefix = f"{path}." if path else ""
    action, actions = request.action, request.actions
    if actions is UNSET:
        if action is UNSET:
            raise invalid((f"{prefix}action", "is required"))
        return [(f"{prefix}action", action)]
    if action is not UNSET and not isinstance(request, ImportedAutomation):
        raise invalid(("actions", "cannot be combined with action"))
    if action is not UNSET and action != actions[0]:
        raise invalid((f"{prefix}action", "must equal the first of actions"))
    steps = [(f"{prefix}actions[{index}]", step) for index, step in enumerate(actions)]
    for at, step in steps[:-1]:
        if step.type == "transfer_card":
            raise invalid((at, "must be the last action, since the card leaves the project"))
    return steps


def _resolve_actions(
    candidates: Candidates, requests: Sequence[tuple[str, ActionToRun]], trigger: Trigger
) -> tuple[list[AutomationAction], References]:
    """Check the actions of a rule, and return them with ids in place of names, and their references.

    Raises:
        Invalid: An action does not exist or only reads, the params are malformed, or name an item that does not exist.
    """
    resolved: list[AutomationAction] = []
    references: References = {}
    for path, request in requests:
        candidates.references = references[name_action_part(len(resolved))] = set()
        params = request.params or {}
        action, loaded = check_action(candidates.uow, request.type, params, path, trigger)
        params = resolve_params(candidates, params, loaded, f"{path}.params.")
        resolved.append(replace_fields(action, params=params))
    return resolved, references


def is_list_of_ids(value: object) -> TypeGuard[list[str]]:
    """Return whether a param is a list of 1 to 100 texts, which a rule shows for a name that several columns have."""
    is_list = isinstance(value, list) and 1 <= len(value) <= ENTRIES_MAX
    return is_list and all(isinstance(item, str) and len(item) <= 24 for item in cast("list[object]", value))


def check_action(
    uow: UnitOfWork, type: str, params: dict[str, object], path: str, trigger: Trigger
) -> tuple[AutomationAction, Request]:
    """Check that rules can run an action, and that its params are well-formed.

    Args:
        type: The name of the action.
        params: Its params, without the card and the project of the event.
        path: The position of the action in the request, for errors.
        trigger: The trigger, whose data texts can contain.

    Returns:
        The action, and the params as a request of the action.

    Raises:
        Invalid: The action does not exist or only reads, or the params are malformed.
    """
    # Rules cannot start missions: the changes of an agent could trigger the rule again, without the limits of chains.
    write_actions = {
        name: candidate
        for name, candidate in registered_actions(uow.env).items()
        if candidate.kind == "write" and candidate.category != "missions"
    }
    action = write_actions.get(type)
    if action is None:
        raise invalid((f"{path}.type", f"must be one of {', '.join(write_actions)}"))
    check_names(params, f"{path}.params", trigger.condition_fields)
    # The event will provide the ids, and select one of several columns; placeholders are enough for validation.
    texts = {name: value for name in COLUMN_PARAMS if is_list_of_ids(value := params.get(name))}
    single = {name: value[0] for name, value in texts.items()}
    complete_params = with_event_ids(
        params | single,
        set(wire_fields(action.takes)),
        "the project",
        "the card" if trigger.has_card else None,
    )
    try:
        loaded: Request = load(action.takes, use_sample_dates(action.takes, complete_params))
    except Invalid as error:
        raise invalid(
            *((f"{path}.params.{problem.field}", problem.message) for problem in error.details)
        ) from None
    return AutomationAction(type=action.name, params=params), loaded
