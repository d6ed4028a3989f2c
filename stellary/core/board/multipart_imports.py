"""Multipart imports: cards are added to a hidden project in parts, until the import is completed or deleted.

The hidden project belongs to no workspace, so that no list, count, search or access check finds it. Completing the import
writes what must see the whole file (relations, members), and moves the project into its workspace. Documents and rules are
added by the areas above.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import attrs
import orjson
from sqlalchemy import delete, func, insert, select, update

from stellary.contract.columns import Column
from stellary.contract.comments import Comment
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import convert
from stellary.contract.multipart_imports import (
    ADD_IMPORT_PART,
    DELETE_IMPORT,
    GET_IMPORT,
    AddImportPart,
    CreateImport,
    MultipartImport,
)
from stellary.contract.project_imports import (
    ImportedRelation,
    ImportProject,
    NotCarried,
    ProjectImport,
)
from stellary.contract.refs import ImportRef, WorkspaceRef
from stellary.contract.tolerance import find_unknown_fields
from stellary.contract.wire import UNSET, as_dict, dump, invalid, load, read
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, Loaded, by_ref
from stellary.core.board import imports as single_imports
from stellary.core.board.access import require_row
from stellary.core.board.columns import column_values
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.project_members import insert_members
from stellary.core.board.projects import DEFAULT_SCOPE, insert_hidden_project, reveal_project, taken_keys
from stellary.core.board.row_types import ImportPartRow, ImportRow
from stellary.core.board.rows.field_rows import project_fields
from stellary.core.board.rules.import_cards import CardTargets, ColumnCounts, plan_cards, plan_comments
from stellary.core.board.rules.import_losses import list_losses, merge_losses
from stellary.core.board.rules.import_references import Importer, index_ids
from stellary.core.board.rules.import_relations import build_relations
from stellary.core.board.rules.imports import build_relation_rows, plan_import
from stellary.core.board.rules.position_index import LARGE
from stellary.core.board.tables import cards, import_parts, imports, projects
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import ItemNoticeGiven, ProjectImported
from stellary.core.kernel.item_changes import emit_notice
from stellary.core.kernel.unit import UnitOfWork, serves

KEPT = timedelta(days=1)
"""The time within which an import must be completed."""
EXPIRE = "imports.expire"
BATCH = 500
"""The number of cards of an abandoned import that are deleted in one transaction."""
RELATIONS_MAX = 200_000

_BY_ID = is_given(imports.c.id)
_IMPORT = Query(ImportRow, select(imports).where(_BY_ID))
_INSERT = insert(imports)
_UPDATE = update(imports).where(_BY_ID)
_DELETE = delete(imports).where(_BY_ID)
_EXPIRE = Query(ImportRow, _DELETE.returning(*imports.c))
_INSERT_PART = insert(import_parts)
_OF_IMPORT = is_given(import_parts.c.import_id)
_PARTS = Query(ImportPartRow, select(import_parts).where(_OF_IMPORT).order_by(import_parts.c.number))
_DIGEST = select(import_parts.c.digest).where(_OF_IMPORT, is_given(import_parts.c.number))
_DELETE_PARTS = delete(import_parts).where(_OF_IMPORT)

_OF_PROJECT = is_given(cards.c.project_id)
_SET_LAST_NUMBER = update(projects).where(is_given(projects.c.id, "project_id"))
_NUMBERING = select(projects.c.key, projects.c.last_number).where(is_given(projects.c.id, "project_id"))
_USED_NUMBERS = select(cards.c.number).where(_OF_PROJECT, is_among(cards.c.number))
_ASSIGNEES = (
    select(cards.c.assignee_id, func.count())
    .where(_OF_PROJECT, cards.c.assignee_id.is_not(None))
    .group_by(cards.c.assignee_id)
)
_UNASSIGN = (
    update(cards).where(_OF_PROJECT, is_among(cards.c.assignee_id, "user_ids")).values(assignee_id=None)
)
_IS_HIDDEN = projects.c.workspace_id.is_(None)
_HIDDEN = select(projects.c.id).where(is_given(projects.c.id, "project_id"), _IS_HIDDEN)
_SOME_CARDS = select(cards.c.id).where(_OF_PROJECT).order_by(cards.c.id).limit(BATCH)
_DELETE_CARDS = delete(cards).where(is_among(cards.c.id))
_DELETE_PROJECT = delete(projects).where(is_given(projects.c.id, "project_id"), _IS_HIDDEN)

multipart_import = AccessCheck(
    ImportRef,
    ImportRow,
    Link("Import", imports, "import_id", imports.c.workspace_id == WORKSPACE_ID),
    columns=imports.c,
    author="created_by_id",
)
"""The access check for an import. The role ``creator`` admits only the user who has started it."""

_LOCK = Query(ImportRow, select(imports).where(is_given(imports.c.id, "import_id")).with_for_update())
ACCESS_BY_REF = by_ref(multipart_import)


def load_locked_import(uow: UnitOfWork, ref: ImportRef) -> Loaded[ImportRow]:
    """Check access to an import, and lock it until the unit ends.

    The workspace is locked first, in the same order as when it is deleted with its imports.

    Args:
        ref: The import.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such import.
        Forbidden: The caller has not started the import.
    """
    loaded = multipart_import(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    people.reaching(uow, loaded.row.workspace_id, [uow.user_id])
    row = require_row(_LOCK.first(uow.connection, {"_import_id": loaded.row.id}), "Import")
    return Loaded(row, loaded.roles)


def create_hidden_project(uow: UnitOfWork, ref: WorkspaceRef, request: CreateImport) -> ImportRow:
    """Start an import: create a hidden project with everything that its cards refer to.

    Args:
        ref: The workspace.
        request: The file without its cards.
    """
    workspace = accounts_access.workspace(uow, ref).row
    project_id = uow.new_id()
    file = convert(ImportProject, request, cards=UNSET)
    plan = plan_import(file, single_imports.load_importer(uow, project_id), DEFAULT_SCOPE)
    project = single_imports.build_project(uow, request, project_id, workspace.id)
    key = single_imports.choose_key(request, taken_keys(uow, workspace.id))
    insert_hidden_project(uow, project, key, request.project.last_number)
    single_imports.write_plan(uow, plan)
    import_id = uow.new_id()
    row = {
        "id": import_id,
        "workspace_id": workspace.id,
        "project_id": project_id,
        "created_by_id": uow.user_id,
        "name": request.project.name,
        "header": dump(request),
        "ignored": find_unknown_fields(request),
        "new_ids": single_imports.pair_ids(file, plan),
        "column_counts": {},
        "part_count": 0,
        "card_count": 0,
        "relation_count": 0,
        "completed_at": None,
        "created_at": uow.now,
    }
    uow.connection.execute(_INSERT, row)
    payload = {"importId": import_id, "projectId": project_id}
    jobs.enqueue(uow, EXPIRE, payload, due_at=uow.now + KEPT, key=f"{EXPIRE} {import_id}")
    return _IMPORT.one(uow.connection, {"_id": import_id})


@serves(GET_IMPORT)
def get_import(uow: UnitOfWork, ref: ImportRef) -> MultipartImport:
    """Return the progress of an import."""
    return import_value(multipart_import(uow, ref).row)


def import_value(row: ImportRow) -> MultipartImport:
    """Return the import of a row."""
    return MultipartImport(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        status="open" if row.completed_at is None else "completed",
        parts=row.part_count,
        cards=row.card_count,
        project_id=None if row.completed_at is None else row.project_id,
        created_by_id=row.created_by_id,
        created_at=row.created_at,
        expires_at=row.created_at + KEPT,
    )


# ---------------------------------------------------------------------------------------------- parts


@serves(ADD_IMPORT_PART)
def add_import_part(uow: UnitOfWork, ref: ImportRef, request: AddImportPart) -> MultipartImport:
    """Add cards to the hidden project; a part that has been added already changes nothing."""
    row = load_locked_import(uow, ref).row
    digest = hashlib.sha256(dump(request)).hexdigest()
    if request.part < row.part_count:
        _check_repeated(uow, row, request.part, digest)
        return import_value(row)
    _require_open(row)
    if request.part > row.part_count:
        raise Conflict(f"part {row.part_count} must be added before part {request.part}", code="part_missing")
    relation_count = row.relation_count + sum(len(card.relations or ()) for card in request.cards)
    if relation_count > RELATIONS_MAX:
        raise invalid(("cards", f"must not have more than {RELATIONS_MAX} relations in all parts"))
    counts = _add_cards(uow, row, request, digest)
    changes = {
        "column_counts": {id: [count, counts.unarchived[id]] for id, count in counts.all_cards.items()},
        "part_count": row.part_count + 1,
        "card_count": row.card_count + len(request.cards),
        "relation_count": relation_count,
    }
    uow.connection.execute(_UPDATE, {"_id": row.id, **changes})
    return import_value(_IMPORT.one(uow.connection, {"_id": row.id}))


def _check_repeated(uow: UnitOfWork, row: ImportRow, number: int, digest: str) -> None:
    stored = uow.connection.execute(_DIGEST, {"_import_id": row.id, "_number": number}).scalar()
    # The parts of a completed import are deleted.
    if stored not in (None, digest):
        raise Conflict(f"part {number} was added before, with other cards", code="part_exists")


def _require_open(row: ImportRow) -> None:
    if row.completed_at is not None:
        raise Conflict(f"the import has been completed, as project {row.project_id}", code="completed")


def _add_cards(uow: UnitOfWork, row: ImportRow, request: AddImportPart, digest: str) -> ColumnCounts:
    people_by_email = single_imports.load_people_by_email(uow, row.workspace_id, request.cards)
    assignees = single_imports.find_assignees(request.cards, people_by_email)
    by = single_imports.load_importer(uow, row.project_id, assignees)
    counts = ColumnCounts(
        Counter({id: count for id, (count, _) in row.column_counts.items()}),
        Counter({id: count for id, (_, count) in row.column_counts.items()}),
    )
    ids = by.ids(len(request.cards))
    parameters = {"_project_id": row.project_id}
    key, last_number = uow.connection.execute(_NUMBERING, parameters).one()
    index_ids(request.cards, "cards")
    _check_numbers(uow, row, request)
    new_cards = list(plan_cards(request.cards, ids, _load_targets(uow, row), by, last_number, counts))
    new_comments = list(plan_comments(Comment, "card", request.cards, ids, by))
    single_imports.write_cards(uow, new_cards, new_comments)
    highest = max(last_number, *(card.number for card, _ in new_cards))
    uow.connection.execute(_SET_LAST_NUMBER, {**parameters, "last_number": highest})
    part = {
        "import_id": row.id,
        "number": request.part,
        "digest": digest,
        "cards": [
            (card.id or None, id, card.number or None) for card, id in zip(request.cards, ids, strict=True)
        ],
        "relations": {
            str(index): [as_dict(relation) for relation in card.relations]
            for index, card in enumerate(request.cards)
            if card.relations
        },
        "ignored": find_unknown_fields(request),
        "not_carried": [
            as_dict(loss) for loss in list_losses(request.cards, assignees, by.email, first=row.card_count)
        ],
    }
    uow.connection.execute(_INSERT_PART, part)
    single_imports.emit_cards(uow, row.workspace_id, row.project_id, key, new_cards, new_comments)
    return counts


def _load_targets(uow: UnitOfWork, row: ImportRow) -> CardTargets:
    fields = {field.id: field for field in project_fields(uow, row.project_id)}
    new_ids = single_imports.index_new_ids(row.new_ids)
    return CardTargets(
        columns=_load_columns(uow, row),
        column_indexes={id: index for index, (id, _) in enumerate(row.new_ids["columns"]) if id},
        label_ids=new_ids["labels"],
        fields={id: fields[new_id] for id, new_id in new_ids["customFields"].items()},
    )


def _check_numbers(uow: UnitOfWork, row: ImportRow, request: AddImportPart) -> None:
    """Raise an error if an earlier part has a card with one of the numbers."""
    indexes = {card.number: index for index, card in enumerate(request.cards) if card.number}
    if not indexes:
        return
    parameters = {"_project_id": row.project_id, "_numbers": list(indexes)}
    for number in uow.connection.execute(_USED_NUMBERS, parameters).scalars():
        raise invalid((f"cards[{indexes[number]}].number", "must not be that of a card of an earlier part"))


# ---------------------------------------------------------------------------------------------- completion


@attrs.frozen
class _SentCard:
    """A card of a part, with the relations that its file lists."""

    id: str | None
    new_id: str
    number: int | None
    relations: list[ImportedRelation]


def complete_hidden_project(uow: UnitOfWork, ref: ImportRef) -> tuple[single_imports.Imported, CreateImport]:
    """Move the project of an import into its workspace, with its relations and members.

    Args:
        ref: The import.

    Returns:
        The imported project, and the file without its cards, whose documents and rules are still to be added.

    Raises:
        Invalid: The relations between cards contradict each other.
        Conflict: The import has been completed already.
    """
    loaded = load_locked_import(uow, ref)
    row = loaded.row
    _require_open(row)
    header = load(CreateImport, orjson.loads(row.header))
    parts = _PARTS.all(uow.connection, {"_import_id": row.id})
    sent_cards = [card for part in parts for card in _read_cards(part)]
    by = single_imports.load_importer(uow, row.project_id)
    people_by_email = single_imports.load_people_by_email(uow, row.workspace_id, (), header)
    outside = _write_relations(uow, sent_cards, by)
    assignee_ids, unassigned = _unassign_strangers(uow, row)
    unarchived_counts = {id: unarchived for id, (_, unarchived) in row.column_counts.items()}
    for column_id, unarchived in unarchived_counts.items():
        if unarchived > LARGE:
            ordering.rebuild_index(uow, column_id)
    members, strangers = single_imports.find_members(uow, header, people_by_email)
    insert_members(uow, row.project_id, members)
    indexed_key = uow.connection.execute(_NUMBERING, {"_project_id": row.project_id}).one().key
    project = single_imports.build_project(uow, header, row.project_id, row.workspace_id)
    project = reveal_project(uow, project, lambda taken: single_imports.choose_key(header, taken))
    uow.connection.execute(_DELETE_PARTS, {"_import_id": row.id})
    uow.connection.execute(_UPDATE, {"_id": row.id, "completed_at": uow.now, "header": b"{}"})
    uow.emit(
        ProjectImported(
            workspace_id=row.workspace_id,
            project_id=row.project_id,
            name=project.name,
            columns=len(row.new_ids["columns"]),
            cards=row.card_count,
            user_ids=tuple(sorted(assignee_ids)),
            column_cards=single_imports.count_column_cards(_load_columns(uow, row), unarchived_counts),
            key=project.key,
            indexed_key=indexed_key,
        )
    )
    answer = convert(
        ProjectImport,
        project,
        member_count=len(members),
        column_ids=[new_id for _, new_id in row.new_ids["columns"]],
        card_ids=[card.new_id for card in sent_cards],
        ignored=sorted({*row.ignored}.union(*(part.ignored for part in parts))),
        not_carried=[
            *single_imports.list_other_key(header, project.key),
            *strangers,
            *unassigned,
            *outside,
            *merge_losses(read(NotCarried, loss) for part in parts for loss in part.not_carried),
        ],
    )
    new_ids = dict(single_imports.index_new_ids(row.new_ids))
    entries = ((card.id, card.new_id, card.number) for card in sent_cards)
    new_ids["cards"] = single_imports.index_card_ids(header, entries)
    scope_ids = [new_id for _, new_id in row.new_ids["scopes"]]
    return single_imports.Imported(answer, by, loaded.roles.organization_id or "", scope_ids, new_ids), header


def _load_columns(uow: UnitOfWork, row: ImportRow) -> list[Column]:
    """Return the columns in the order of the file."""
    columns = {column.id: column for column in column_values(uow, row.project_id)}
    return [columns[new_id] for _, new_id in row.new_ids["columns"]]


def _read_cards(part: ImportPartRow) -> list[_SentCard]:
    relations = {
        int(index): [load(ImportedRelation, item) for item in items]
        for index, items in part.relations.items()
    }
    return [_SentCard(*entry, relations.get(index, [])) for index, entry in enumerate(part.cards)]


def _write_relations(uow: UnitOfWork, sent_cards: Sequence[_SentCard], by: Importer) -> list[NotCarried]:
    """Insert the relations of all cards, and return those to cards of other projects."""
    indexes, new_ids = index_ids(sent_cards, "cards"), [card.new_id for card in sent_cards]
    edges, outside = build_relations(sent_cards, indexes, new_ids, RELATIONS_MAX)
    single_imports.write_relations(uow, build_relation_rows(edges, by))
    return outside


def _unassign_strangers(uow: UnitOfWork, row: ImportRow) -> tuple[set[str], list[NotCarried]]:
    """Unassign people who have lost access to the workspace since their cards were added.

    Returns:
        The ids of the other assignees, and a report on those who were unassigned.
    """
    parameters = {"_project_id": row.project_id}
    counts: dict[str, int] = dict(uow.connection.execute(_ASSIGNEES, parameters).fetchall())
    reaching = people.reaching(uow, row.workspace_id, counts)
    strangers = people.load_people(uow, counts.keys() - reaching.keys())
    if strangers:
        uow.connection.execute(_UNASSIGN, {**parameters, "_user_ids": list(strangers)})
    report = [
        NotCarried(
            kind="assignee",
            path="cards[].assignee",
            name=person.email,
            count=counts[id],
            reason="this person has left the workspace, so the cards have no assignee",
        )
        for id, person in strangers.items()
    ]
    return set(reaching), report


# ---------------------------------------------------------------------------------------------- deletion


@serves(DELETE_IMPORT)
def delete_import(uow: UnitOfWork, ref: ImportRef) -> Ok:
    """Delete an import; a job deletes its hidden project."""
    row = load_locked_import(uow, ref).row
    uow.connection.execute(_DELETE, {"_id": row.id})
    if row.completed_at is None:
        jobs.enqueue(uow, EXPIRE, {"importId": row.id, "projectId": row.project_id})
    return Ok()


def expire(uow: UnitOfWork, payload: dict[str, str]) -> None:
    """Delete an import that is no longer needed, and its project if it is still hidden, in several transactions.

    Args:
        uow: A unit without an actor.
        payload: The ids of the import and of its project.
    """
    parameters = {"_project_id": payload["projectId"]}
    expired = _EXPIRE.first(uow.connection, {"_id": payload["importId"]})
    if expired is not None and expired.completed_at is None:
        _notify_importer(uow, expired)
    if uow.connection.execute(_HIDDEN, parameters).first() is None:
        return
    ids = list(uow.connection.execute(_SOME_CARDS, parameters).scalars())
    if ids:
        uow.connection.execute(_DELETE_CARDS, {"_ids": ids})
        jobs.enqueue(uow, EXPIRE, payload)
        return
    uow.connection.execute(_DELETE_PROJECT, parameters)


def _notify_importer(uow: UnitOfWork, row: ImportRow) -> None:
    notice = ItemNoticeGiven(
        workspace_id=row.workspace_id,
        kind="project",
        item_id=row.project_id,
        # Others in the workspace may not be meant to see the name of the project.
        name="import",
        project_id=None,
        message="Your import was not completed within a day, and was deleted.",
        user_ids=(row.created_by_id,),
    )
    emit_notice(uow, row.created_by_id, notice)
