"""Export and import of projects, with their rules. Section Project Import & Export of the API reference.

A file refers to items of its project by ids of its own, and to people by e-mail address. A rule that refers to other
items is imported as disabled, and reported in the response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import attrs
from sqlalchemy import bindparam, select

from stellary.contract.automations import (
    CREATE_AUTOMATION,
    Automation,
    AutomationAction,
    AutomationSchedule,
    ScheduleToRun,
)
from stellary.contract.errors import Forbidden, Invalid
from stellary.contract.fields import build_value, convert, replace_fields
from stellary.contract.multipart_imports import (
    COMPLETE_IMPORT,
    CREATE_IMPORT,
    CreateImport,
    MultipartImport,
)
from stellary.contract.project_exports import EXPORT_PROJECT, FileAction, FileAutomation, ProjectFile
from stellary.contract.project_imports import (
    IMPORT_PROJECT,
    ImportedAutomation,
    ImportProject,
    NotCarried,
    ProjectHeader,
    ProjectImport,
)
from stellary.contract.refs import ImportRef, ProjectRef, WorkspaceRef
from stellary.contract.unset import Unset
from stellary.contract.wire import Request
from stellary.core.accounts import access, people
from stellary.core.accounts.subscribers import mark_change_rules, mark_subscribed
from stellary.core.automations import rows, targets
from stellary.core.automations.automations import (
    check_action,
    default_name,
    find_schedule,
    has_cards,
    list_actions_to_run,
)
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.rules import file_references
from stellary.core.automations.rules.conditions import check_conditions
from stellary.core.automations.rules.occurrences import CHANGE_TRIGGERS
from stellary.core.automations.scheduling import find_next_run
from stellary.core.automations.tables import automations
from stellary.core.automations.triggers import Trigger, check_trigger
from stellary.core.board import resolve_names
from stellary.core.board.exports import People
from stellary.core.board.imports import Imported, index_new_ids
from stellary.core.board.multipart_imports import import_value
from stellary.core.board.rules.import_losses import list_other_creators
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import project_files
from stellary.core.pilotage.action_params import Candidates, resolve_params
from stellary.core.pilotage.references import (
    UNRESOLVED,
    References,
    StoredReference,
    name_action_part,
    save_references,
)

_OF_PROJECT = Query(
    AutomationRow,
    select(automations)
    .where(automations.c.project_id == bindparam("_project_id"))
    .order_by(automations.c.id),
)


@serves(EXPORT_PROJECT)
def export_project(uow: UnitOfWork, ref: ProjectRef) -> ProjectFile:
    """Return a project with everything in it."""
    file, workspace_id = project_files.export_file(uow, ref)
    if workspace_id in uow.workspaces_without_subscribers:
        # The access check has read that the workspace has no rules.
        return file
    rules = rows.automations_of(uow, _OF_PROJECT.all(uow.connection, {"_project_id": ref.project_id}))
    if not rules:
        return file
    ids = {rule.owner_id for rule in rules}
    for rule in rules:
        ids |= file_references.find_people(rule.conditions, [action.params for action in rule.actions])
    people_by_id = people.load_with_membership(uow, workspace_id, ids)
    addresses = {id: person.email for id, (person, reaches) in people_by_id.items() if reaches}
    file_people = People(people_by_id)
    names = {ref.project_id, file.project.key.casefold(), file.project.name.casefold()}
    return replace_fields(
        file, automations=[_file_automation(rule, file_people, addresses, names) for rule in rules]
    )


def _file_automation(
    rule: Automation, file_people: People, addresses: Mapping[str, str], names: set[str]
) -> FileAutomation:
    all_params = [
        rule.schedule.cards or {} if rule.schedule else {},
        *(action.params for action in rule.actions),
    ]
    conditions, (filters, *all_params) = file_references.rename_people(rule.conditions, all_params, addresses)
    has_filters = rule.schedule is not None and rule.schedule.cards is not None
    actions = [
        convert(FileAction, action, params=file_references.leave_out_project(params, names))
        for action, params in zip(rule.actions, all_params, strict=True)
    ]
    return convert(
        FileAutomation,
        rule,
        conditions=conditions,
        action=actions[0],
        actions=actions,
        schedule=replace_fields(rule.schedule, cards=filters)
        if rule.schedule and has_filters
        else rule.schedule,
        owner=file_people.person(rule.owner_id),
    )


@serves(IMPORT_PROJECT)
def import_project(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> ProjectImport:
    """Create a project from a file. The caller becomes its member, and the owner of its rules."""
    return _add_rules(uow, ref, project_files.import_file(uow, ref, request), request)


@serves(CREATE_IMPORT)
def create_import(uow: UnitOfWork, ref: WorkspaceRef, request: CreateImport) -> MultipartImport:
    """Start an import in parts, and check the rules that are created once it is complete."""
    row = project_files.create_import(uow, ref, request)
    if uow.actor.is_allowed(CREATE_AUTOMATION.policy):
        new_ids = {**index_new_ids(row.new_ids), "cards": {}, "people": {}}
        for index, entry in enumerate(request.automations or ()):
            _rename_and_check(uow, entry, f"automations[{index}]", new_ids)
    return import_value(row)


@serves(COMPLETE_IMPORT)
def complete_import(uow: UnitOfWork, ref: ImportRef) -> ProjectImport:
    """Complete an import in parts: its project appears, with its documents and rules."""
    imported, header = project_files.complete_import(uow, ref)
    workspace_ref = WorkspaceRef(ref.org_slug, ref.ws_slug)
    # The rules name things of the workspace, which the caller reaches as a member and not as the creator of the import.
    with uow.checking(IMPORT_PROJECT.policy):
        access.workspace(uow, workspace_ref)
        return _add_rules(uow, workspace_ref, imported, header)


def _add_rules(uow: UnitOfWork, ref: WorkspaceRef, imported: Imported, file: ProjectHeader) -> ProjectImport:
    entries = file.automations or []
    if not entries:
        return imported.answer
    try:
        uow.actor.require(CREATE_AUTOMATION.policy)
    except Forbidden as error:
        not_carried = [_not_carried(entry, index, error.message) for index, entry in enumerate(entries)]
    else:
        project = ref.child(ProjectRef, imported.answer.id)
        candidates = Candidates(uow, project, imported.answer.workspace_id)
        addresses = {
            email: id for id, email in resolve_names.list_addresses(uow, imported.answer.workspace_id)
        }
        new_ids = {**imported.new_ids, "people": addresses}
        not_carried = list(_create_rules(candidates, entries, new_ids))
    owners = [entry.owner for entry in entries if entry.owner]
    reason = "imported automations act on behalf of the person who imports them"
    not_carried += list_other_creators(owners, imported.importer.email, "automations[].owner", reason)
    answer = imported.answer
    return replace_fields(answer, not_carried=[*answer.not_carried, *not_carried])


def _create_rules(
    candidates: Candidates,
    entries: list[ImportedAutomation],
    new_ids: Mapping[str, Mapping[str, str]],
) -> Iterator[NotCarried]:
    """Insert the rules of a file, and yield those that are disabled since they refer to an item that does not exist."""
    uow = candidates.uow
    for index, entry in enumerate(entries):
        path = f"automations[{index}]"
        rule_parts = _rename_and_check(uow, entry, path, new_ids)
        references, problems = References(), list[str]()
        resolvers: dict[str, Callable[[], Any]] = {
            "conditions": partial(
                targets.resolve_conditions, candidates, rule_parts.conditions, f"{path}.conditions"
            ),
            "schedule": partial(_resolve_schedule, candidates, entry, rule_parts, f"{path}.schedule"),
        }
        for number in range(len(rule_parts.actions)):
            resolvers[name_action_part(number)] = partial(_resolve_action, candidates, rule_parts, number)
        resolved: dict[str, Any] = {
            "conditions": rule_parts.conditions,
            "schedule": (None, None),
            **{name_action_part(number): action.params for number, action in enumerate(rule_parts.actions)},
        }
        for part, resolve in resolvers.items():
            candidates.references = set()
            try:
                resolved[part] = resolve()
            except Invalid as error:
                candidates.references = {StoredReference(UNRESOLVED, error.message)}
                problems.append(error.message)
            references[part] = candidates.references
        conditions, (schedule, next_run_at), *params = resolved.values()
        if problems:
            yield _not_carried(entry, index, f"it is disabled: {'; '.join(problems)}")
        rule = build_value(
            Automation,
            entry,
            id=uow.new_id(),
            project_id=candidates.ref.project_id,
            name=entry.name or default_name(rule_parts.actions[0], entry.trigger),
            conditions=conditions,
            schedule=schedule,
            next_run_at=next_run_at,
            action=rule_parts.actions[0],
            actions=rule_parts.actions,
            enabled=entry.enabled and not problems,
            references=[],
            broken=False,
            problem=None,
            owner_id=uow.user_id,
            created_at=uow.now,
            updated_at=uow.now,
        )
        rule = rows.with_params(rule, conditions, params)
        rows.FIELDS.insert(uow, rule, armed_at=uow.now)
        save_references(uow, candidates.workspace_id, rule.id, references)
    mark_subscribed(uow, candidates.workspace_id)
    if any(entry.trigger in CHANGE_TRIGGERS for entry in entries):
        mark_change_rules(uow, candidates.workspace_id)


def _resolve_schedule(
    candidates: Candidates, entry: ImportedAutomation, parts: _RuleParts, path: str
) -> tuple[AutomationSchedule | None, datetime | None]:
    """Return the schedule of a rule of a file, and when it is due next."""
    request: ScheduleToRun | Unset | None = entry.schedule
    if request and request.cards is not None:
        request = convert(ScheduleToRun, request, cards=parts.filters)
    now = candidates.uow.now
    schedule, _ = find_schedule(candidates, request, parts.trigger, None, path)
    return schedule, None if schedule is None else find_next_run(schedule, now, now, path)


def _resolve_action(candidates: Candidates, parts: _RuleParts, index: int) -> dict[str, object]:
    params = parts.actions[index].params
    if (foreign := file_references.find_foreign(params)) is not None:
        raise Invalid(f"it names {foreign} of the workspace that the file comes from")
    return resolve_params(candidates, params, parts.requests[index], f"{parts.paths[index]}.params.")


@attrs.frozen
class _RuleParts:
    """The conditions and the actions of a rule, with new ids in place of those of the file.

    Attributes:
        requests: The parameters of the actions as requests.
        paths: The positions of the actions in the file.
        trigger: The trigger of the rule.
        filters: The filter of its schedule.
    """

    conditions: dict[str, object]
    actions: list[AutomationAction]
    requests: list[Request]
    paths: list[str]
    trigger: Trigger
    filters: dict[str, object]


def _rename_and_check(
    uow: UnitOfWork, entry: ImportedAutomation, path: str, new_ids: Mapping[str, Mapping[str, str]]
) -> _RuleParts:
    actions_to_run = list_actions_to_run(entry, path)
    filters = (entry.schedule and entry.schedule.cards) or {}
    conditions, (filters, *all_params) = file_references.rename_ids(
        entry.conditions or {}, [filters, *(action.params or {} for _, action in actions_to_run)], new_ids
    )
    trigger = check_trigger(uow, entry.trigger, f"{path}.trigger")
    check_conditions(conditions, f"{path}.conditions", trigger.condition_fields)
    has_card = has_cards(trigger, entry.schedule)
    checked = [
        check_action(uow, action.type, params, action_path, trigger, has_card=has_card)
        for (action_path, action), params in zip(actions_to_run, all_params, strict=True)
    ]
    return _RuleParts(
        conditions,
        [action for action, _ in checked],
        [action_request for _, action_request in checked],
        [action_path for action_path, _ in actions_to_run],
        trigger,
        filters,
    )


def _not_carried(entry: ImportedAutomation, index: int, reason: str) -> NotCarried:
    ((_, action), *_) = list_actions_to_run(entry, f"automations[{index}]")
    name = entry.name or f"{action.type} on {entry.trigger}"
    return NotCarried(kind="automation", path=f"automations[{index}]", name=name, count=1, reason=reason)
