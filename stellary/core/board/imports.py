"""Project imports: a project is created from a file, completely or not at all. The area ``knowledge`` adds documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs
from sqlalchemy import insert

from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.comments import Comment
from stellary.contract.errors import Forbidden
from stellary.contract.fields import build_value, convert
from stellary.contract.policies import PROJECT_MANAGE
from stellary.contract.project_imports import (
    ImportedCard,
    ImportProject,
    NotCarried,
    ProjectHeader,
    ProjectImport,
)
from stellary.contract.projects import Project
from stellary.contract.refs import WorkspaceRef
from stellary.contract.roles import ProjectRole
from stellary.contract.tolerance import find_unknown_fields
from stellary.contract.wire import Unset
from stellary.core.accounts import access, people
from stellary.core.accounts.users import address_key
from stellary.core.board import comments
from stellary.core.board.columns import COLUMNS
from stellary.core.board.labels import LABELS
from stellary.core.board.project_members import insert_members
from stellary.core.board.projects import DEFAULT_SCOPE, insert_project
from stellary.core.board.rows import card_rows, field_rows, scope_rows
from stellary.core.board.rules.import_references import EntryWithId, Importer, ItemWithId
from stellary.core.board.rules.imports import ImportPlan, NewRow, plan_import
from stellary.core.board.rules.keys import find_free_key
from stellary.core.board.tables import cards, relations
from stellary.core.kernel.events import CardsImported, ProjectImported
from stellary.core.kernel.unit import UnitOfWork

_CARDS = insert(cards)
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
    importer: Importer
    organization_id: str
    scope_ids: Sequence[str]
    new_ids: Mapping[str, Mapping[str, str]]


def make_project(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> Imported:
    """Create a project from a file; the importer becomes a member.

    Args:
        ref: The workspace.
        request: The file.
    """
    workspace = access.workspace(uow, ref).row
    cards = request.cards or []
    people_by_email = load_people_by_email(uow, workspace.id, cards, request)
    assignees = find_assignees(cards, people_by_email)
    project_id = uow.new_id()
    by = load_importer(uow, project_id, assignees)
    plan = plan_import(request, by, DEFAULT_SCOPE)
    project = build_project(uow, request, project_id, workspace.id)
    project = insert_project(
        uow,
        project,
        lambda taken: choose_key(request, taken),
        template_id="import",
        last_number=plan.last_number,
    )
    members, strangers = find_members(uow, request, people_by_email)
    insert_members(uow, project_id, members)
    write_plan(uow, plan)
    emit_cards(uow, workspace.id, project_id, project.key, plan.cards, plan.comments)
    uow.emit(
        ProjectImported(
            workspace_id=workspace.id,
            project_id=project_id,
            name=request.project.name,
            columns=len(plan.columns),
            cards=len(plan.cards),
            user_ids=tuple(sorted({*assignees.values()})),
            column_cards=count_column_cards(
                plan.columns, Counter(card.column_id for card, _ in plan.cards if not card.archived)
            ),
            key=project.key,
            indexed_key=project.key,
        )
    )
    answer = convert(
        ProjectImport,
        project,
        member_count=len(members),
        column_ids=[column.id for column in plan.columns],
        card_ids=[card.id for card, _ in plan.cards],
        ignored=find_unknown_fields(request),
        not_carried=[*list_other_key(request, project.key), *strangers, *plan.not_carried],
    )
    new_ids = dict(index_new_ids(pair_ids(request, plan)))
    new_ids["cards"] = index_card_ids(
        request, ((card.id, id, card.number) for card, id in zip(cards, answer.card_ids, strict=True))
    )
    scope_ids = [scope.id for scope in plan.scopes]
    return Imported(answer, by, workspace.organization_id, scope_ids, new_ids)


def count_column_cards(
    columns: Iterable[Column], counts: Mapping[str, int]
) -> tuple[dict[str, str | int], ...]:
    """Return the columns of an import, each with the number of its unarchived cards.

    Args:
        columns: The columns, in the order of the file.
        counts: The number of unarchived cards by column id.
    """
    return tuple(
        {"id": column.id, "name": column.name, "cards": counts.get(column.id, 0)} for column in columns
    )


def load_importer(uow: UnitOfWork, project_id: str, assignees: Mapping[str, str] | None = None) -> Importer:
    """Return the importing user and the project, as the rules need them.

    Args:
        project_id: The new project.
        assignees: The ids of the assignees, by e-mail address. Default: none.
    """
    importer = people.load_people(uow, [uow.user_id])[uow.user_id]
    return Importer(
        user_id=importer.id,
        name=importer.name,
        email=importer.email,
        project_id=project_id,
        assignees=assignees or {},
        new_id=uow.new_id,
        now=uow.now,
    )


def build_project(uow: UnitOfWork, file: ProjectHeader, id: str, workspace_id: str) -> Project:
    """Return the project of a file, without a key.

    Args:
        file: The file.
        id: The id of the project.
        workspace_id: The workspace.
    """
    return build_value(
        Project,
        file.project,
        id=id,
        workspace_id=workspace_id,
        key="",
        member_role=file.project.member_role or "editor",
        visibility=file.project.visibility or "workspace",
        estimate_unit=file.project.estimate_unit or "points",
        member_count=1,
        created_at=uow.now,
        updated_at=uow.now,
    )


# ---------------------------------------------------------------------------------------------- ids


IdPairs = Sequence[tuple[str | None, str]]
"""The ids of entries in the file, or None, and their new ids."""


def pair_ids(file: ImportProject, plan: ImportPlan) -> dict[str, IdPairs]:
    """Return the ids of all entries except cards, by part of the file.

    Args:
        file: The file.
        plan: The plan.
    """
    parts: dict[str, tuple[Sequence[EntryWithId], Sequence[ItemWithId]]] = {
        "scopes": (file.scopes or [], plan.scopes),
        "columns": (file.columns or [], plan.columns),
        "labels": (file.labels or [], plan.labels),
        "customFields": (file.custom_fields or [], plan.custom_fields),
    }
    return {
        part: [(entry.id or None, new.id) for entry, new in zip(entries, new_entries, strict=False)]
        for part, (entries, new_entries) in parts.items()
    }


def index_new_ids(pairs: Mapping[str, IdPairs]) -> dict[str, dict[str, str]]:
    """Return the new ids by part of the file and id in the file."""
    return {part: {id: new_id for id, new_id in ids if id} for part, ids in pairs.items()}


def index_card_ids(
    file: ProjectHeader, entries: Iterable[tuple[str | Unset | None, str, int | Unset | None]]
) -> dict[str, str]:
    """Return the new ids of cards by their ids and by their keys in the file.

    Args:
        file: The file.
        entries: Each card's id in the file, new id and number in the file.
    """
    ids: dict[str, str] = {}
    for id, new_id, number in entries:
        if id:
            ids[id] = new_id
        if file.project.key and number:
            ids[f"{file.project.key}-{number}"] = new_id
    return ids


# ---------------------------------------------------------------------------------------------- rows


def write_plan(uow: UnitOfWork, plan: ImportPlan) -> None:
    """Insert the rows of a plan, one batch per table.

    Args:
        plan: The plan.
    """
    scope_rows.FIELDS.insert_all(uow, plan.scopes)
    COLUMNS.insert_all(uow, plan.columns)
    LABELS.insert_all(uow, plan.labels)
    field_rows.FIELDS.insert_all(uow, plan.custom_fields)
    write_cards(uow, plan.cards, plan.comments)
    write_relations(uow, plan.relations)


def write_cards(
    uow: UnitOfWork,
    new_cards: Sequence[tuple[Card, int]],
    new_comments: Sequence[tuple[Comment, str | None]],
) -> None:
    """Insert cards with their positions, and comments with the addresses of their authors.

    Args:
        new_cards: The cards, with their positions.
        new_comments: The comments, with the addresses of their authors.
    """
    if new_cards:
        uow.connection.execute(_CARDS, [card_rows.row(card, position) for card, position in new_cards])
    comments.ROWS.insert_imported(uow, new_comments)


def write_relations(uow: UnitOfWork, rows: Sequence[NewRow]) -> None:
    """Insert relations.

    Args:
        rows: The rows.
    """
    if rows:
        uow.connection.execute(_RELATIONS, rows)


def emit_cards(
    uow: UnitOfWork,
    workspace_id: str,
    project_id: str,
    project_key: str,
    new_cards: Sequence[tuple[Card, int]],
    new_comments: Sequence[tuple[Comment, str | None]],
) -> None:
    """Emit the event by which imported cards and comments are indexed for search.

    Args:
        workspace_id: The workspace.
        project_id: The project.
        project_key: The key of the project.
        new_cards: The cards, with their positions.
        new_comments: The comments, with the addresses of their authors.
    """
    uow.emit(
        CardsImported(
            workspace_id=workspace_id,
            project_id=project_id,
            project_key=project_key,
            cards=tuple(card for card, _ in new_cards),
            comments=tuple(comment for comment, _ in new_comments),
        )
    )


# ---------------------------------------------------------------------------------------------- people


def load_people_by_email(
    uow: UnitOfWork, workspace_id: str, cards: Sequence[ImportedCard], file: ProjectHeader | None = None
) -> dict[str, people.Person]:
    """Return the assignees of cards and the members of a file with access to the workspace, by e-mail key.

    Args:
        workspace_id: The workspace.
        cards: The cards, as the file has them.
        file: The file with the members; by default none.
    """
    emails = {card.assignee for card in cards} | {member.email for member in (file and file.members) or ()}
    return people.reaching_by_emails(uow, workspace_id, {address_key(email) for email in emails if email})


def find_assignees(
    cards: Sequence[ImportedCard], people_by_email: Mapping[str, people.Person]
) -> dict[str, str]:
    """Return the ids of assignees with access to the workspace, by their addresses in the file.

    Args:
        cards: The cards, as the file has them.
        people_by_email: People with access to the workspace, by e-mail key.
    """
    emails = {card.assignee for card in cards if card.assignee}
    return {
        email: people_by_email[key].id for email in emails if (key := address_key(email)) in people_by_email
    }


def find_members(
    uow: UnitOfWork, request: ProjectHeader, people_by_email: Mapping[str, people.Person]
) -> tuple[dict[str, ProjectRole], list[NotCarried]]:
    """Return the roles of the new members by id, the importer first, and the members of the file who cannot be added.

    Only people with access to the workspace become members, and only if the importer has the right to add them.

    Args:
        request: The file.
        people_by_email: People with access to the workspace, by e-mail key.
    """
    entries = request.members or []
    refusal = ""
    try:
        uow.actor.require(PROJECT_MANAGE)
    except Forbidden as error:
        refusal = f"adding members is not allowed: {error.message}"
    roles: dict[str, ProjectRole] = {uow.user_id: "manager"}
    not_carried = []
    for index, entry in enumerate(entries):
        person = people_by_email.get(address_key(entry.email or ""))
        if person is not None and (not refusal or person.id == uow.user_id):
            roles.setdefault(person.id, entry.role or "manager")
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
    return roles, not_carried


# ---------------------------------------------------------------------------------------------- keys


def choose_key(request: ProjectHeader, taken: Collection[str]) -> str:
    """Return the key of a file if it is free, or else one derived from the name.

    Args:
        request: The file.
        taken: The keys that are taken.
    """
    requested = request.project.key
    return requested if requested and requested not in taken else find_free_key(request.project.name, taken)


def list_other_key(request: ProjectHeader, key: str) -> Iterator[NotCarried]:
    """List the key of a file if the project has another one.

    Args:
        request: The file.
        key: The key of the project.
    """
    if request.project.key not in (key, None) and request.project.key:
        yield NotCarried(
            kind="key",
            path="project.key",
            name=request.project.key,
            count=1,
            reason="another project of the workspace has that key",
        )
