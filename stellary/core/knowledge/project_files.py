"""The export and import of projects with their documents. The automations package adds automations."""

from __future__ import annotations

import attrs
from sqlalchemy import select

from stellary.contract.comments import DocumentComment
from stellary.contract.fields import replace_fields
from stellary.contract.multipart_imports import CreateImport
from stellary.contract.project_exports import FileDocument, ProjectFile
from stellary.contract.project_imports import ImportProject, ProjectHeader
from stellary.contract.refs import ImportRef, ProjectRef, WorkspaceRef
from stellary.contract.safe_content import make_safe
from stellary.core.accounts import people
from stellary.core.board import exports, imports, multipart_imports
from stellary.core.board.row_types import ImportRow
from stellary.core.board.rules.import_cards import plan_comments
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import comments, rows
from stellary.core.knowledge.documents import written_event
from stellary.core.knowledge.row_types import ExportedDocumentCommentRow, ExportedDocumentRow
from stellary.core.knowledge.rules import imports as rules
from stellary.core.knowledge.tables import comments as comments_table
from stellary.core.knowledge.tables import documents

_OF_PROJECT = Query(
    ExportedDocumentRow,
    (select(documents).where(is_given(documents.c.project_id)).order_by(documents.c.id)),
)
_COMMENTS = Query(
    ExportedDocumentCommentRow,
    select(comments_table)
    .join_from(comments_table, documents)
    .where(is_given(documents.c.project_id))
    .order_by(comments_table.c.id),
)
_FILE_FIELDS = RowFields(
    FileDocument,
    documents,
    computed=("author", "comments"),
    internal=(
        *("organization_id", "workspace_id", "context_type", "context_id", "project_id", "tag_keys"),
        *("author_id", "reviewer_id", "review_notes", "submitted_at", "reviewed_at", "submissions"),
        *("reported_by_id", "reported_at", "version"),
    ),
)


def export_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """Return the project with all its contents except automations, and the id of its workspace.

    Args:
        ref: The project.
    """
    file, workspace_id = exports.project_file(uow, ref)
    document_rows = _OF_PROJECT.all(uow.connection, {"_project_id": ref.project_id})
    comment_rows = _COMMENTS.all(uow.connection, {"_project_id": ref.project_id}) if document_rows else ()
    author_ids = {row.author_id for row in document_rows} | {row.author_id for row in comment_rows}
    authors = exports.People(people.load_with_membership(uow, workspace_id, author_ids))
    ids = {row.id for row in document_rows}
    comments_by_document = group(
        (row.document_id, comments.ROWS.to_file(row, authors.person)) for row in comment_rows
    )
    with_documents = replace_fields(
        file,
        documents=[
            _FILE_FIELDS.to_value(
                row,
                parent_id=row.parent_id if row.parent_id in ids else None,
                author=authors.person(row.author_id),
                content=make_safe(row.content),
                comments=comments_by_document[row.id],
            )
            for row in document_rows
        ],
    )
    return with_documents, workspace_id


def import_file(uow: UnitOfWork, ref: WorkspaceRef, request: ImportProject) -> imports.Imported:
    """Create a project from a file, without its automations; the caller becomes its member and the author of its documents.

    Args:
        ref: The workspace.
        request: The file.
    """
    return _add_documents(uow, imports.make_project(uow, ref, request), request)


def create_import(uow: UnitOfWork, ref: WorkspaceRef, request: CreateImport) -> ImportRow:
    """Start an import in parts. Its documents are checked now, and created when the import is completed.

    Args:
        ref: The workspace.
        request: The file without its cards.
    """
    row = multipart_imports.create_hidden_project(uow, ref, request)
    ids = ["" for _ in request.documents or ()]
    scope_ids = [new_id for _, new_id in row.new_ids["scopes"]]
    rules.check_documents(request, ids, scope_ids)
    return row


def complete_import(uow: UnitOfWork, ref: ImportRef) -> tuple[imports.Imported, CreateImport]:
    """Complete an import in parts, without its automations; return the project and the file without its cards.

    Args:
        ref: The import.
    """
    imported, header = multipart_imports.complete_hidden_project(uow, ref)
    return _add_documents(uow, imported, header), header


def _add_documents(uow: UnitOfWork, imported: imports.Imported, file: ProjectHeader) -> imports.Imported:
    common = {
        "organization_id": imported.organization_id,
        "workspace_id": imported.answer.workspace_id,
        "project_id": imported.answer.id,
        "author_id": uow.user_id,
        "author_name": imported.importer.name,
        "reported_by_id": uow.user_id,
        "reported_at": uow.now,
    }
    entries, ids = file.documents or [], [uow.new_id() for _ in file.documents or ()]
    new_documents = rules.build_documents(file, ids, imported.scope_ids, common, uow.now)
    rows.STORED.insert_all(uow, new_documents)
    new_comments = list(plan_comments(DocumentComment, "document", entries, ids, imported.importer))
    comments.ROWS.insert_imported(uow, new_comments)
    comments_by_document = group((comment.document_id, comment) for comment, _ in new_comments)
    for document in new_documents:
        # For search, which indexes each document; members are notified of the project as a whole.
        uow.emit(written_event(document, is_new=True, comments=comments_by_document[document.id]))
    not_carried = [*imported.answer.not_carried, *rules.list_losses(file, imported.importer.email)]
    return attrs.evolve(imported, answer=replace_fields(imported.answer, not_carried=not_carried))
