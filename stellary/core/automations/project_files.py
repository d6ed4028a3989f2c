"""Export and import of projects, with their rules. Section Project Import & Export of the API reference.

A file refers to items of its project by ids of its own, and to people by e-mail address. A rule that refers to other
items is imported as disabled, and reported in the response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice, takewhile
from typing import TypeVar

import orjson
from sqlalchemy import select

from stellary.contract.automations import CREATE_AUTOMATION, Automation, AutomationAction, AutomationSchedule
from stellary.contract.errors import Conflict, Forbidden, Invalid
from stellary.contract.fields import convert, replace_fields
from stellary.contract.multipart_imports import (
    COMPLETE_IMPORT,
    CREATE_IMPORT,
    AddImportPart,
    CreateImport,
    MultipartImport,
)
from stellary.contract.policies import WORKSPACE_ADMIN
from stellary.contract.project_exports import (
    EXPORT_PROJECT,
    FileAction,
    FileAutomation,
    FileCard,
    ProjectFile,
)
from stellary.contract.project_imports import (
    CARDS_MAX,
    DUPLICATE_PROJECT,
    IMPORT_PROJECT,
    DuplicateProject,
    ImportedAutomation,
    ImportProject,
    NotCarried,
    ProjectHeader,
    ProjectImport,
)
from stellary.contract.projects import SAVE_TEMPLATE, CopiedContent, ProjectTemplate, SaveTemplate
from stellary.contract.refs import ImportRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import Request, dump, load
from stellary.core.accounts import access, people
from stellary.core.accounts.access_checks import check_role
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.rules import SEES_ALL
from stellary.core.accounts.subscribers import mark_subscribed
from stellary.core.automations import rows, targets
from stellary.core.automations.automations import (
    check_action,
    check_rule_conditions,
    default_name,
    insert_rule,
    list_actions_to_run,
)
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.rules import file_references
from stellary.core.automations.rules.occurrences import CHANGE_TRIGGERS
from stellary.core.automations.scheduling import find_next_run, find_schedule, resolve_schedule
from stellary.core.automations.tables import automations
from stellary.core.automations.triggers import check_trigger
from stellary.core.board import access as board_access
from stellary.core.board import resolve_names
from stellary.core.board.attachments import attach_copies, load_files
from stellary.core.board.exports import People
from stellary.core.board.imports import Imported, index_new_ids
from stellary.core.board.multipart_imports import add_import_part, import_value
from stellary.core.board.rules.import_losses import list_other_creators
from stellary.core.board.templates import add_template
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import project_files
from stellary.core.pilotage.action_params import Candidates, resolve_params
from stellary.core.pilotage.references import (
    UNRESOLVED,
    References,
    StoredReference,
    name_action_part,
)

T = TypeVar("T")

DUPLICATED_MAX = 5_000
"""The number of cards up to which a project is copied in one transaction."""

_OF_PROJECT = Query(
    AutomationRow,
    select(automations).where(is_given(automations.c.project_id)).order_by(automations.c.id),
)


@serves(EXPORT_PROJECT)
def export_project(uow: UnitOfWork, ref: ProjectRef) -> ProjectFile:
    """Return a project with everything in it."""
    return _export(uow, ref)


def _export(uow: UnitOfWork, ref: ProjectRef, *, is_template: bool = False) -> ProjectFile:
    file, workspace_id = project_files.export_file(uow, ref)
    if workspace_id in uow.workspaces_without_subscribers:
        # The access check has read that the workspace has no rules.
        return file
    rules = rows.automations_of(
        uow, _OF_PROJECT.all(uow.connection, {"_project_id": ref.project_id}), SEES_ALL
    )
    if not rules:
        return file
    ids = {rule.owner_id for rule in rules}
    for rule in rules:
        ids |= file_references.find_people(rule.conditions, rows.index_params(rule).values())
    people_by_id = people.load_with_membership(uow, workspace_id, ids)
    # A template stays in its workspace, where ids are known, and addresses change.
    addresses = {
        id: person.email for id, (person, reaches) in people_by_id.items() if reaches and not is_template
    }
    file_people = People(people_by_id)
    names = {ref.project_id, file.project.key.casefold(), file.project.name.casefold()}
    return replace_fields(
        file, automations=[_file_automation(rule, file_people, addresses, names) for rule in rules]
    )


def _file_automation(
    rule: Automation, file_people: People, addresses: Mapping[str, str], names: set[str]
) -> FileAutomation:
    params = rows.index_params(rule).values()
    renamed = rows.with_params(
        rule, *file_references.rename_ids(rule.conditions, params, {"people": addresses})
    )
    actions = [
        convert(FileAction, action, params=file_references.leave_out_project(action.params, names))
        for action in renamed.actions
    ]
    owner = file_people.person(rule.owner_id)
    return convert(FileAutomation, renamed, action=actions[0], actions=actions, owner=owner)


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


@serves(DUPLICATE_PROJECT)
def duplicate_project(uow: UnitOfWork, ref: ProjectRef, request: DuplicateProject) -> ProjectImport:
    """Copy a project: import its export, in one transaction."""
    exported, cards = _export_contents(uow, ref, request.content, DUPLICATED_MAX)
    file = orjson.loads(dump(replace_fields(exported, cards=[])))
    del file["cards"], file["project"]["key"]
    file["project"] |= {"name": request.name, "archived": False}
    if request.content == "skeleton":
        del file["project"]["lastNumber"]
    workspace = ref.parent(WorkspaceRef)
    import_ref = workspace.child(ImportRef, create_import(uow, workspace, load(CreateImport, file)).id)
    for part, start in enumerate(range(0, len(cards), CARDS_MAX)):
        body = {"part": part, "cards": cards[start : start + CARDS_MAX]}
        add_import_part(uow, import_ref, load(AddImportPart, orjson.loads(dump(body))))
    answer = complete_import(uow, import_ref)
    new_ids = {card.id: id for card, id in zip(cards, answer.card_ids, strict=True) if card.attachments}
    old_ids = [*new_ids]
    for start in range(0, len(old_ids), CARDS_MAX):
        attach_copies(uow, load_files(uow, old_ids[start : start + CARDS_MAX]), new_ids)
    return replace_fields(
        answer, not_carried=[item for item in answer.not_carried if item.kind != "attachment"]
    )


@serves(SAVE_TEMPLATE)
def save_template(uow: UnitOfWork, ref: ProjectRef, request: SaveTemplate) -> ProjectTemplate:
    """Save the export of a project as a template of its workspace.

    Raises:
        Forbidden: The project is private, and the caller must not make it visible; or the token is bound to projects.
        Conflict: The project is too large, the name is taken, or there are too many templates.
    """
    lock_workspace(uow, ref.parent(WorkspaceRef))
    loaded = board_access.project(uow, ref)
    # The template is in no project.
    uow.actor.require(IMPORT_PROJECT.policy)
    if loaded.row.visibility == "private":
        # Everyone in the workspace sees the template.
        with uow.checking(WORKSPACE_ADMIN):
            check_role(uow, loaded.roles)
    exported, cards = _export_contents(uow, ref, request.content, CARDS_MAX, is_template=True)
    return add_template(uow, loaded.row.workspace_id, request, exported, cards)


def _export_contents(
    uow: UnitOfWork, ref: ProjectRef, content: CopiedContent, cards_max: int, *, is_template: bool = False
) -> tuple[ProjectFile, list[FileCard]]:
    """Return the export of a project, and the cards to copy, of which there may be a limited number."""
    exported = _export(uow, ref, is_template=is_template)
    if content == "skeleton":
        return replace_fields(exported, documents=[]), []
    # Archived cards are last, and are not part of a template.
    selected = takewhile(lambda card: not (card.archived and is_template), exported.cards)
    cards = [*islice(selected, cards_max + 1)]
    if len(cards) > cards_max:
        message = f"the project has more than {cards_max} cards; export it, and import the file in parts"
        raise Conflict(message, code="too_many_cards")
    return exported, cards


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
        addresses = resolve_names.list_addresses(uow, imported.answer.workspace_id)
        new_ids = {**imported.new_ids, "people": {email: id for id, email in addresses}}
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
        conditions, schedule, checked_actions = _rename_and_check(uow, entry, path, new_ids)
        attempts = _Attempts(candidates)
        conditions = attempts.resolve(
            "conditions", conditions, targets.resolve_conditions, f"{path}.conditions"
        )
        schedule = attempts.resolve("schedule", schedule, resolve_schedule, f"{path}.schedule")
        actions = [
            attempts.resolve(name_action_part(number), action, partial(_resolve_action, request), at)
            for number, (at, action, request) in enumerate(checked_actions)
        ]
        if attempts.problems:
            yield _not_carried(entry, index, f"it is disabled: {'; '.join(attempts.problems)}")
        resolved = {
            "conditions": conditions,
            "schedule": schedule,
            "next_run_at": find_next_run(schedule, uow.now),
            "action": actions[0],
            "actions": actions,
            "enabled": entry.enabled and not attempts.problems,
        }
        insert_rule(candidates, entry, resolved, attempts.references)
    has_change_rules = any(entry.trigger in CHANGE_TRIGGERS for entry in entries)
    mark_subscribed(uow, candidates.workspace_id, has_change_rules=has_change_rules)


class _Attempts:
    """The resolution of the parts of a rule, some of which may refer to items that do not exist."""

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self.references: References = {}
        self.problems: list[str] = []

    def resolve(self, part: str, value: T, function: Callable[[Candidates, T, str], T], path: str) -> T:
        """Return a part of the rule with ids in place of names; note the problem and return it as it is if it has one."""
        self.candidates.references = self.references[part] = set()
        try:
            return function(self.candidates, value, path)
        except Invalid as error:
            self.references[part] = {StoredReference(UNRESOLVED, error.message)}
            self.problems.append(error.message)
            return value


def _resolve_action(
    request: Request, candidates: Candidates, action: AutomationAction, path: str
) -> AutomationAction:
    if (foreign := file_references.find_foreign(action.params)) is not None:
        raise Invalid(f"it names {foreign} of the workspace that the file comes from")
    params = resolve_params(candidates, action.params, request, f"{path}.params.")
    return replace_fields(action, params=params)


def _rename_and_check(
    uow: UnitOfWork, entry: ImportedAutomation, path: str, new_ids: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, object], AutomationSchedule | None, list[tuple[str, AutomationAction, Request]]]:
    """Return the conditions, the schedule and the actions of a rule, with new ids in place of those of the file.

    An action comes with its position in the file, and its parameters as a request.
    """
    actions_to_run = list_actions_to_run(entry, path)
    trigger = check_trigger(uow, entry.trigger, f"{path}.trigger")
    schedule = find_schedule(uow, entry.schedule, trigger, None, f"{path}.schedule")
    conditions, (filters, *all_params) = file_references.rename_ids(
        entry.conditions or {},
        [(schedule and schedule.cards) or {}, *(action.params or {} for _, action in actions_to_run)],
        new_ids,
    )
    if schedule is not None and schedule.cards is not None:
        schedule = replace_fields(schedule, cards=filters)
    trigger = trigger.with_schedule(schedule)
    check_rule_conditions(conditions, trigger, f"{path}.conditions")
    actions = [
        (at, *check_action(uow, action.type, params, at, trigger))
        for (at, action), params in zip(actions_to_run, all_params, strict=True)
    ]
    return conditions, schedule, actions


def _not_carried(entry: ImportedAutomation, index: int, reason: str) -> NotCarried:
    ((_, action), *_) = list_actions_to_run(entry, f"automations[{index}]")
    name = entry.name or default_name(action, entry.trigger)
    return NotCarried(kind="automation", path=f"automations[{index}]", name=name, count=1, reason=reason)
