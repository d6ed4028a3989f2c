"""Imports: a project made of a file, all of it or nothing; its documents are knowledge's to make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
from sqlalchemy import Insert, insert

from stellary.contract.errors import Forbidden
from stellary.contract.policies import PROJECT_MANAGE
from stellary.contract.project_imports import ImportProject, NotCarried, ProjectImport
from stellary.contract.refs import WorkspaceRef
from stellary.contract.tolerance import ignored
from stellary.core.accounts import access, people
from stellary.core.accounts.addresses import address_key
from stellary.core.accounts.people import Person
from stellary.core.board import card_rows
from stellary.core.board.projects import DEFAULT_SCOPE, insert_project
from stellary.core.board.rules.fields import value_or
from stellary.core.board.rules.imports import HasId, Importer, ImportPlan, Row, plan_import
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
    """A project that was made of a file, but for what other areas make of it.

    Attributes:
        told: What is answered.
        importer: Who has made it.
        organization_id: Where.
        scope_ids: Of its scopes, in the file's order.
        new_ids: By the parts of the file (``columns``, ``customFields`` …), then by the ids that the file gives.
    """

    told: ProjectImport
    importer: Person
    organization_id: str
    scope_ids: Sequence[str]
    new_ids: Mapping[str, Mapping[str, str]]


def make_project(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> Imported:
    """Make a project of a file; whoever imports it becomes its member."""
    workspace = access.workspace(uow, ref).row
    found = people.reaching_by_emails(uow, workspace.id, _email_keys(request))
    importer = people.known(uow, [uow.user_id])[uow.user_id]
    assignees = _assignees(request, found)
    project_id = uow.new_id()
    made = plan_import(
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
    row = {
        "id": project_id,
        "workspace_id": workspace.id,
        "name": request.project.name,
        "description": value_or(request.project.description, None),
        "template_id": "import",
        "archived": request.project.archived,
        "last_number": made.last_number,
        "created_by_id": importer.id,
        "version": 1,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    key = insert_project(uow, row, lambda taken: _key(request, taken))
    members, strangers = _members(uow, request, found)
    member_ids = list(dict.fromkeys([importer.id, *members]))
    _write(uow, project_id, made, member_ids)
    uow.emit(
        ProjectImported(
            workspace_id=workspace.id,
            project_id=project_id,
            name=request.project.name,
            columns=len(made.columns),
            cards=len(made.cards),
            user_ids=tuple(sorted({*assignees.values()})),
        )
    )
    told = ProjectImport(
        id=project_id,
        name=request.project.name,
        description=row["description"],
        key=key,
        workspace_id=workspace.id,
        archived=request.project.archived,
        member_count=len(member_ids),
        created_at=uow.now,
        updated_at=uow.now,
        column_ids=[each["id"] for each in made.columns],
        card_ids=[card.id for card, _ in made.cards],
        ignored=ignored(request),
        not_carried=[*_other_key(request, key), *strangers, *made.not_carried],
    )
    scope_ids = [each["id"] for each in made.scopes]
    return Imported(told, importer, workspace.organization_id, scope_ids, _new_ids(request, made))


def _new_ids(request: ImportProject, made: ImportPlan) -> dict[str, dict[str, str]]:
    parts: dict[str, tuple[Sequence[HasId], Sequence[str]]] = {
        "scopes": (request.scopes or [], [row["id"] for row in made.scopes]),
        "columns": (request.columns or [], [row["id"] for row in made.columns]),
        "labels": (request.labels or [], [row["id"] for row in made.labels]),
        "customFields": (request.custom_fields or [], [field.id for field in made.custom_fields]),
        "cards": (request.cards or [], [card.id for card, _ in made.cards]),
    }
    return {
        part: {entry.id: id for entry, id in zip(entries, ids, strict=False) if entry.id}
        for part, (entries, ids) in parts.items()
    }


def _write(uow: UnitOfWork, project_id: str, made: ImportPlan, member_ids: Sequence[str]) -> None:
    """Write all rows, those of a table at once."""
    fields = [
        {
            "id": field.id,
            "project_id": field.project_id,
            "name": field.name,
            "name_key": field.name.casefold(),
            "type": field.type,
            "options": field.options,
            "required": field.required,
            "created_at": field.created_at,
            "updated_at": field.updated_at,
        }
        for field in made.custom_fields
    ]
    written: tuple[tuple[Insert, Sequence[Row]], ...] = (
        (
            _MEMBERS,
            [{"project_id": project_id, "user_id": id, "created_at": uow.now} for id in member_ids],
        ),
        (_SCOPES, made.scopes),
        (_COLUMNS, made.columns),
        (_LABELS, made.labels),
        (_FIELDS, fields),
        (_CARDS, [card_rows.row(card, position) for card, position in made.cards]),
        (_COMMENTS, made.comments),
        (_RELATIONS, made.relations),
    )
    for statement, rows in written:
        if rows:
            uow.connection.execute(statement, rows)


# ---------------------------------------------------------------------------------------------- people


def _email_keys(request: ImportProject) -> set[str]:
    """The addresses of all whom the project could belong to, or cards be assigned to."""
    named = {card.assignee for card in request.cards or ()} | {each.email for each in request.members or ()}
    return {address_key(email) for email in named if email}


def _assignees(request: ImportProject, found: Mapping[str, Person]) -> dict[str, str]:
    """The ids of those who are there, by their addresses as the file writes them."""
    named = {card.assignee for card in request.cards or () if card.assignee}
    return {email: found[key].id for email in named if (key := address_key(email)) in found}


def _members(
    uow: UnitOfWork, request: ImportProject, found: Mapping[str, Person]
) -> tuple[list[str], list[NotCarried]]:
    """Who becomes a member, and who of the file does not.

    Nobody is let in: only those who reach the workspace, and only if whoever imports could add them one by one.
    """
    entries = request.members or []
    refused = ""
    try:
        uow.actor.require(PROJECT_MANAGE)
    except Forbidden as error:
        refused = f"adding members is not allowed: {error.message}"
    ids, left = [], []
    for place, each in enumerate(entries):
        person = found.get(address_key(each.email or ""))
        if person is not None and (not refused or person.id == uow.user_id):
            ids.append(person.id)
            continue
        left.append(
            NotCarried(
                kind="member",
                path=f"members[{place}]",
                name=each.email or each.name or "",
                count=1,
                reason=refused if person else "nobody in the workspace has that e-mail address",
            )
        )
    return ids, left


# ---------------------------------------------------------------------------------------------- keys


def _key(request: ImportProject, taken: Collection[str]) -> str:
    wanted = request.project.key
    return wanted if wanted and wanted not in taken else find_free_key(request.project.name, taken)


def _other_key(request: ImportProject, key: str) -> Iterator[NotCarried]:
    if request.project.key not in (key, None) and request.project.key:
        yield NotCarried(
            kind="key",
            path="project.key",
            name=request.project.key,
            count=1,
            reason="another project of the workspace has that key",
        )
