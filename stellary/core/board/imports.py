"""Project imports: a project is created from a file, completely or not at all. The area ``knowledge`` adds documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
from sqlalchemy import Insert, insert

from stellary.contract.errors import Forbidden
from stellary.contract.fields import build_value, convert
from stellary.contract.policies import PROJECT_MANAGE
from stellary.contract.project_imports import ImportProject, NotCarried, ProjectImport
from stellary.contract.projects import Project
from stellary.contract.refs import WorkspaceRef
from stellary.contract.tolerance import find_unknown_fields
from stellary.core.accounts import access, people
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.people import Person
from stellary.core.board.columns import column_row
from stellary.core.board.comments import comment_row
from stellary.core.board.labels import label_row
from stellary.core.board.projects import DEFAULT_SCOPE, insert_project
from stellary.core.board.rows import card_rows, field_rows, scope_rows
from stellary.core.board.rules.imports import EntryWithId, Importer, ImportPlan, Row, plan_import
from stellary.core.board.rules.keys import find_free_key
from stellary.core.board.tables import (
    cards,
    columns,
    comments,
    custom_fields,
    labels,
    project_members,
    relations,
    scopes,
)
from stellary.core.kernel.events import ProjectImported
from stellary.core.kernel.unit import UnitOfWork

_MEMBERS = insert(project_members)
_SCOPES = insert(scopes)
_COLUMNS = insert(columns)
_LABELS = insert(labels)
_FIELDS = insert(custom_fields)
_CARDS = insert(cards)
_COMMENTS = insert(comments)
_RELATIONS = insert(relations)


@attrs.frozen
class Imported:
    """An imported project, before other areas add their parts.

    Attributes:
        answer: The response to the request.
        importer: The user who imports the file.
        organization_id: The organization of the project.
        scope_ids: The ids of its scopes, in the order of the file.
        new_ids: The new ids by part of the file (``columns``, ``customFields`` …) and id in the file.
    """

    answer: ProjectImport
    importer: Person
    organization_id: str
    scope_ids: Sequence[str]
    new_ids: Mapping[str, Mapping[str, str]]


def make_project(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> Imported:
    """Create a project from a file; the importer becomes a member."""
    workspace = access.workspace(uow, ref).row
    people_by_email = people.reaching_by_emails(uow, workspace.id, _email_keys(request))
    importer = people.load_people(uow, [uow.user_id])[uow.user_id]
    assignees = _assignees(request, people_by_email)
    project_id = uow.new_id()
    plan = plan_import(
        request,
        Importer(
            user_id=importer.id,
            name=importer.name,
            email=importer.email,
            project_id=project_id,
            assignees=assignees,
            new_id=uow.new_id,
            now=uow.now,
        ),
        DEFAULT_SCOPE,
    )
    project = build_value(
        Project,
        request.project,
        id=project_id,
        workspace_id=workspace.id,
        key="",
        member_count=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    internal = {
        "template_id": "import",
        "last_number": plan.last_number,
        "created_by_id": importer.id,
    }
    project = insert_project(uow, project, lambda taken: _key(request, taken), **internal)
    members, strangers = _members(uow, request, people_by_email)
    member_ids = list(dict.fromkeys([importer.id, *members]))
    _write(uow, project_id, plan, member_ids)
    uow.emit(
        ProjectImported(
            workspace_id=workspace.id,
            project_id=project_id,
            name=request.project.name,
            columns=len(plan.columns),
            cards=len(plan.cards),
            user_ids=tuple(sorted({*assignees.values()})),
            column_cards=_count_column_cards(plan),
        )
    )
    answer = convert(
        ProjectImport,
        project,
        member_count=len(member_ids),
        column_ids=[column.id for column in plan.columns],
        card_ids=[card.id for card, _ in plan.cards],
        ignored=find_unknown_fields(request),
        not_carried=[*_other_key(request, project.key), *strangers, *plan.not_carried],
    )
    scope_ids = [scope.id for scope in plan.scopes]
    return Imported(answer, importer, workspace.organization_id, scope_ids, _new_ids(request, plan))


def _count_column_cards(plan: ImportPlan) -> tuple[dict[str, str | int], ...]:
    """Return the columns of an import that have unarchived cards, with their number."""
    counts = Counter(card.column_id for card, _ in plan.cards if not card.archived)
    return tuple(
        {"id": column.id, "name": column.name, "cards": counts[column.id]}
        for column in plan.columns
        if counts[column.id]
    )


def _new_ids(request: ImportProject, plan: ImportPlan) -> dict[str, dict[str, str]]:
    parts: dict[str, tuple[Sequence[EntryWithId], Sequence[str]]] = {
        "scopes": (request.scopes or [], [scope.id for scope in plan.scopes]),
        "columns": (request.columns or [], [column.id for column in plan.columns]),
        "labels": (request.labels or [], [label.id for label in plan.labels]),
        "customFields": (request.custom_fields or [], [field.id for field in plan.custom_fields]),
        "cards": (request.cards or [], [card.id for card, _ in plan.cards]),
    }
    return {
        part: {entry.id: id for entry, id in zip(entries, ids, strict=False) if entry.id}
        for part, (entries, ids) in parts.items()
    }


def _write(uow: UnitOfWork, project_id: str, plan: ImportPlan, member_ids: Sequence[str]) -> None:
    """Write all rows, one batch per table."""
    rows_by_statement: tuple[tuple[Insert, Sequence[Row]], ...] = (
        (
            _MEMBERS,
            [{"project_id": project_id, "user_id": id, "created_at": uow.now} for id in member_ids],
        ),
        (_SCOPES, [scope_rows.row(scope) for scope in plan.scopes]),
        (_COLUMNS, [column_row(column) for column in plan.columns]),
        (_LABELS, [label_row(label) for label in plan.labels]),
        (_FIELDS, [field_rows.field_row(field) for field in plan.custom_fields]),
        (_CARDS, [card_rows.row(card, position) for card, position in plan.cards]),
        (_COMMENTS, [comment_row(comment, email) for comment, email in plan.comments]),
        (_RELATIONS, plan.relations),
    )
    for statement, rows in rows_by_statement:
        if rows:
            uow.connection.execute(statement, rows)


# ---------------------------------------------------------------------------------------------- people


def _email_keys(request: ImportProject) -> set[str]:
    """Return the e-mail keys of all members and assignees of a file."""
    emails = {card.assignee for card in request.cards or ()} | {
        member.email for member in request.members or ()
    }
    return {address_key(email) for email in emails if email}


def _assignees(request: ImportProject, people_by_email: Mapping[str, Person]) -> dict[str, str]:
    """Return the ids of assignees with access to the workspace, by their addresses in the file."""
    emails = {card.assignee for card in request.cards or () if card.assignee}
    return {
        email: people_by_email[key].id for email in emails if (key := address_key(email)) in people_by_email
    }


def _members(
    uow: UnitOfWork, request: ImportProject, people_by_email: Mapping[str, Person]
) -> tuple[list[str], list[NotCarried]]:
    """Return the ids of the new members, and the members of the file who cannot be added.

    Only people with access to the workspace become members, and only if the importer could add them one by one.
    """
    entries = request.members or []
    refusal = ""
    try:
        uow.actor.require(PROJECT_MANAGE)
    except Forbidden as error:
        refusal = f"adding members is not allowed: {error.message}"
    ids, not_carried = [], []
    for index, entry in enumerate(entries):
        person = people_by_email.get(address_key(entry.email or ""))
        if person is not None and (not refusal or person.id == uow.user_id):
            ids.append(person.id)
            continue
        not_carried.append(
            NotCarried(
                kind="member",
                path=f"members[{index}]",
                name=entry.email or entry.name or "",
                count=1,
                reason=refusal if person else "no member of the workspace has this e-mail address",
            )
        )
    return ids, not_carried


# ---------------------------------------------------------------------------------------------- keys


def _key(request: ImportProject, taken: Collection[str]) -> str:
    requested = request.project.key
    return requested if requested and requested not in taken else find_free_key(request.project.name, taken)


def _other_key(request: ImportProject, key: str) -> Iterator[NotCarried]:
    if request.project.key not in (key, None) and request.project.key:
        yield NotCarried(
            kind="key",
            path="project.key",
            name=request.project.key,
            count=1,
            reason="another project of the workspace has that key",
        )
