"""The export and import of projects with their documents. The automations package adds automations."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import bindparam, insert, select

from stellary.contract.project_exports import FileDocument, ProjectFile
from stellary.contract.project_imports import ImportProject
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.safe_content import make_safe
from stellary.core.accounts import people
from stellary.core.board import exports, imports
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.documents import written_event
from stellary.core.knowledge.row_types import ExportedDocumentRow
from stellary.core.knowledge.rules import imports as rules
from stellary.core.knowledge.rules.documents import tag_keys
from stellary.core.knowledge.tables import documents

_OF_PROJECT = Query(
    ExportedDocumentRow,
    (select(documents).where(documents.c.project_id == bindparam("_project_id")).order_by(documents.c.id)),
)
_INSERT = insert(documents)


def export_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """Return the project with all its contents except automations, and the id of its workspace."""
    file: Any
    file, workspace_id = exports.project_file(uow, ref)
    document_rows = _OF_PROJECT.all(uow.connection, {"_project_id": ref.project_id})
    authors = exports.People(
        people.load_with_membership(uow, workspace_id, {row.author_id for row in document_rows})
    )
    ids = {row.id for row in document_rows}
    with_documents: ProjectFile = attrs.evolve(
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
                author=authors.person(row.author_id),
                content=make_safe(row.content),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in document_rows
        ],
    )
    return with_documents, workspace_id


def import_file(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> imports.Imported:
    """Create a project from a file, without its automations; the caller becomes its member and the author of its documents."""
    imported = imports.make_project(uow, ref, request)
    common = {
        "organization_id": imported.organization_id,
        "workspace_id": imported.answer.workspace_id,
        "project_id": imported.answer.id,
        "status": "draft",
        "submissions": 0,
        "author_id": uow.user_id,
        "told_of_id": uow.user_id,
        "told_at": uow.now,
        "version": 1,
        "now": uow.now,
    }
    ids = [uow.new_id() for _ in request.documents or ()]
    document_rows = rules.rows(request, ids, imported.scope_ids, common)
    if document_rows:
        uow.connection.execute(_INSERT, [{**row, "tag_keys": tag_keys(row["tags"])} for row in document_rows])
    for row in document_rows:
        # For search, which indexes each document; members are notified of the project as a whole.
        uow.emit(written_event(row, is_new=True))
    answer: Any = imported.answer
    not_carried = [*imported.answer.not_carried, *rules.list_losses(request, imported.importer.email)]
    complete_answer: Any = attrs.evolve(answer, not_carried=not_carried)
    return attrs.evolve(imported, answer=complete_answer)
