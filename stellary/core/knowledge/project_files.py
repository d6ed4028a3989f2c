"""Projects as files, with their documents; their rules are for automations to add."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Select, bindparam, insert, select

from stellary.contract.project_exports import FileDocument, ProjectFile
from stellary.contract.project_imports import ImportProject
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.safe_content import make_safe
from stellary.core.accounts import people
from stellary.core.board import exports, imports
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.documents import written_event
from stellary.core.knowledge.rules import imports as rules
from stellary.core.knowledge.rules.documents import tag_keys
from stellary.core.knowledge.tables import documents

_OF_PROJECT: Select[Any] = (
    select(documents).where(documents.c.project_id == bindparam("_project_id")).order_by(documents.c.id)
)
_INSERT = insert(documents)


def export_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """Return the project with everything that is in it but for rules, and the id of its workspace."""
    file: Any
    file, workspace_id = exports.project_file(uow, ref)
    found = uow.connection.execute(_OF_PROJECT, {"_project_id": ref.project_id}).fetchall()
    known = exports.People(people.introduced(uow, workspace_id, {row.author_id for row in found}))
    ids = {row.id for row in found}
    made: ProjectFile = attrs.evolve(
        file,
        documents=[
            FileDocument(
                id=row.id,
                title=row.title,
                doc_type=row.doc_type,
                scope_id=row.scope_id,
                parent_id=row.parent_id if row.parent_id in ids else None,
                tags=row.tags,
                status=row.status,
                author=known.person(row.author_id),
                content=make_safe(row.content),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in found
        ],
    )
    return made, workspace_id


def import_file(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> imports.Imported:
    """Make a project of a file, without its rules; whoever imports it becomes its member and its documents' author."""
    made = imports.make_project(uow, ref, request)
    told = {
        "organization_id": made.organization_id,
        "workspace_id": made.answer.workspace_id,
        "project_id": made.answer.id,
        "status": "draft",
        "submissions": 0,
        "author_id": uow.user_id,
        "told_of_id": uow.user_id,
        "told_at": uow.now,
        "version": 1,
        "now": uow.now,
    }
    ids = [uow.new_id() for _ in request.documents or ()]
    written = rules.rows(request, ids, made.scope_ids, told)
    if written:
        uow.connection.execute(_INSERT, [{**row, "tag_keys": tag_keys(row["tags"])} for row in written])
    for row in written:
        # Search reads each; people are told of the project as a whole.
        uow.emit(written_event(row, is_new=True))
    answer: Any = made.answer
    left = [*made.answer.not_carried, *rules.left_behind(request, made.importer.email)]
    told_of: Any = attrs.evolve(answer, not_carried=left)
    return attrs.evolve(made, answer=told_of)
