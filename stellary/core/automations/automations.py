"""Rules of a project: made, listed, changed, turned on and off. Section Automations of the API reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update

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
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AutomationRef, ProjectRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import Request, invalid, load, wire_fields
from stellary.core.accounts.subscribers import mark_subscribed
from stellary.core.automations import access, rows, targets
from stellary.core.automations.rules.conditions import checked
from stellary.core.automations.rules.occurrences import with_place
from stellary.core.automations.tables import automations
from stellary.core.board import access as board_access
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

_IN_PROJECT = automations.c.project_id == bindparam("_project_id")
_LIST = Pages(select(automations).where(_IN_PROJECT), automations.c.id)
_COUNT = select(func.count()).select_from(automations).where(_IN_PROJECT)
_INSERT = insert(automations)
_THIS = automations.c.id == bindparam("_id")
_UPDATE = update(automations).where(_THIS).returning(*rows.RULE)
_DELETE = delete(automations).where(_THIS)


def _turned(enabled: Any) -> Any:
    """Turn a rule on or off in one statement: of two who do so at once, the second starts from what the first left."""
    # A rule that is on already keeps its owner.
    turns_on = enabled & ~automations.c.enabled
    return _UPDATE.values(
        enabled=enabled,
        owner_id=case((turns_on, bindparam("_user_id")), else_=automations.c.owner_id),
        armed_at=case(
            (turns_on, bindparam("_now", type_=automations.c.armed_at.type)), else_=automations.c.armed_at
        ),
        updated_at=bindparam("_now", type_=automations.c.updated_at.type),
    )


_FLIP = _turned(~automations.c.enabled)
_TURN = _turned(bindparam("_enabled", type_=automations.c.enabled.type))


@serves(CREATE_AUTOMATION)
def create_automation(uow: UnitOfWork, ref: ProjectRef, request: CreateAutomation) -> Automation:
    """Make a rule, which acts on behalf of whoever made it."""
    project = board_access.load_locked_project(uow, ref).row
    candidates = targets.Candidates(uow, ref, project.workspace_id)
    action = _action(candidates, request.action)
    made = Automation(
        id=uow.new_id(),
        project_id=project.id,
        name=request.name or f"{action.type} on {request.trigger}"[:100],
        trigger=request.trigger,
        conditions=_conditions(candidates, request.conditions or {}),
        action=action,
        enabled=request.enabled,
        owner_id=uow.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    if uow.connection.execute(_COUNT, {"_project_id": project.id}).scalar_one() >= RULES_MAX:
        raise Conflict(f"a project has at most {RULES_MAX} automations", code="automations_full")
    uow.connection.execute(_INSERT, {**rows.automation_row(made), "armed_at": uow.now})
    mark_subscribed(uow, project.workspace_id)
    return made


@serves(LIST_AUTOMATIONS)
def list_automations(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[Automation]:
    """The rules in the order in which they were made, which is that in which they act."""
    project = board_access.project(uow, ref).row
    return _LIST.fetch(uow, request, rows.automation, _project_id=project.id)


@serves(GET_AUTOMATION)
def get_automation(uow: UnitOfWork, ref: AutomationRef) -> Automation:
    """One rule."""
    return rows.automation(access.automation(uow, ref).row)


@serves(UPDATE_AUTOMATION)
def update_automation(uow: UnitOfWork, ref: AutomationRef, request: UpdateAutomation) -> Automation:
    """Change a rule. Who says anew what it does answers for it: it acts on that person's behalf from then on."""
    at = access.automation(uow, ref)
    before = at.row
    candidates = targets.Candidates(uow, ref.parent(ProjectRef), at.roles.workspace_id or "")
    changes: dict[str, Any] = {}
    if request.trigger is not UNSET:
        changes["trigger"] = request.trigger
    if request.conditions is not UNSET:
        changes["conditions"] = _conditions(candidates, request.conditions or {})
    if request.action is not UNSET:
        action = _action(candidates, request.action)
        changes |= {"action_type": action.type, "action_params": action.params}
    if request.enabled is not UNSET:
        changes["enabled"] = request.enabled
    changes = {name: said for name, said in changes.items() if said != getattr(before, name)}
    if changes and changes != {"enabled": False}:
        changes["owner_id"] = uow.user_id
    if changes.keys() & {"trigger", "enabled"}:
        changes["armed_at"] = uow.now
    if request.name is not UNSET and request.name != before.name:
        changes["name"] = request.name
    return _changed(uow, before.id, changes) if changes else rows.automation(before)


def _changed(uow: UnitOfWork, rule_id: str, changes: Mapping[str, Any]) -> Automation:
    written = {**changes, "updated_at": uow.now, "_id": rule_id}
    row = board_access.require_row(uow.connection.execute(_UPDATE, written).first(), "Automation")
    return rows.automation(row)


@serves(DELETE_AUTOMATION)
def delete_automation(uow: UnitOfWork, ref: AutomationRef) -> Ok:
    """Delete a rule and its traces."""
    rule = access.automation(uow, ref).row
    uow.connection.execute(_DELETE, {"_id": rule.id})
    return Ok()


@serves(TOGGLE_AUTOMATION)
def toggle_automation(uow: UnitOfWork, ref: AutomationRef, request: ToggleAutomation) -> Automation:
    """Turn a rule on or off; the other way round if nothing is said."""
    rule = access.automation(uow, ref).row
    asked = {"_id": rule.id, "_user_id": uow.user_id, "_now": uow.now}
    if request.enabled is UNSET:
        made = uow.connection.execute(_FLIP, asked)
    else:
        made = uow.connection.execute(_TURN, {**asked, "_enabled": request.enabled})
    return rows.automation(board_access.require_row(made.first(), "Automation"))


def _conditions(candidates: targets.Candidates, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of a rule, with ids in place of names.

    Raises:
        Invalid: They are malformed, or name what is not there.
    """
    return targets.resolve_conditions(candidates, checked(targets.name_fields(candidates, asked)))


def _action(candidates: targets.Candidates, asked: ActionToRun) -> AutomationAction:
    """What a rule is to do, known to be something that can be done.

    Raises:
        Invalid: There is no such action, it only reads, the params are not right, or what they name is not there.
    """
    params = asked.params or {}
    action, loaded = check_action(candidates.uow, asked.type, params)
    targets.check_params(candidates, params, loaded)
    return action


def check_action(
    uow: UnitOfWork, type: str, params: dict[str, Any], path: str = "action"
) -> tuple[AutomationAction, Request]:
    """Check that an action is one that rules can run, and that its params are well-formed.

    Args:
        uow: The unit.
        type: The name of the action.
        params: Its params, without the card and the project of the event.
        path: Where the action stands in the request.

    Returns:
        The action, and the params as it takes them.

    Raises:
        Invalid: There is no such action, it only reads, or the params are not right.
    """
    # No missions: what an agent does there would set the rule off again, and nobody would count how often.
    writing = {
        name: each
        for name, each in registered_actions(uow.env).items()
        if each.kind == "write" and each.category != "missions"
    }
    action = writing.get(type)
    if action is None:
        raise invalid((f"{path}.type", f"must be one of {', '.join(writing)}"))
    # Of what, only the event will tell.
    said = with_place(params, set(wire_fields(action.takes)), "the project", "the card")
    try:
        loaded: Request = load(action.takes, said)
    except Invalid as error:
        raise invalid(
            *((f"{path}.params.{problem.field}", problem.message) for problem in error.details)
        ) from None
    return AutomationAction(type=action.name, params=params), loaded
