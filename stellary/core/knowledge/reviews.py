"""Reviews: submit, approve or send back documents. Section Review Workflow of the API reference."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, cast, insert, literal, literal_column, null, or_, select

from stellary.contract.documents import (
    REVIEW_DOCUMENT,
    SUBMIT_REVIEW,
    Document,
    DocumentVersionSummary,
    ReviewDocument,
)
from stellary.contract.errors import Conflict
from stellary.contract.fields import convert, replace_fields
from stellary.contract.refs import DocumentRef
from stellary.core.accounts import people
from stellary.core.accounts.audience import reviewed_by
from stellary.core.board.access import IN_PROJECT
from stellary.core.board.visibility import sees_project
from stellary.core.db.base import Json
from stellary.core.kernel.events import ChangesRequested, DocumentApproved, DocumentSubmitted
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.documents import UPDATE_VERSION, change_document, describe_change
from stellary.core.knowledge.rules.documents import REVIEWS, StoredDocument, check_reviewer, next_status
from stellary.core.knowledge.tables import documents, versions

_INSERT_VERSION = insert(versions)


@serves(SUBMIT_REVIEW)
def submit_review(uow: UnitOfWork, ref: DocumentRef) -> Document:
    """Submit a document for review, and store its content as a version."""
    loaded = access.document(uow, ref)

    def decide(before: StoredDocument) -> StoredDocument:
        status = next_status(before.status, "submit")
        uow.require_version(before.version)
        return replace_fields(before, status=status, submissions=before.submissions + 1, submitted_at=uow.now)

    before, after = change_document(uow, loaded, decide)
    version = convert(
        DocumentVersionSummary,
        after,
        id=uow.new_id(),
        document_id=after.id,
        number=after.submissions,
        submitted_by_id=uow.user_id,
        submitted_by_name=loaded.row.caller_name,
        submitted_at=uow.now,
        reviewer_id=None,
        reviewer_name=None,
        review_notes=None,
        reviewed_at=None,
    )
    uow.connection.execute(_INSERT_VERSION, rows.VERSION_FIELDS.to_row(version, content=after.content))
    uow.emit(DocumentSubmitted(**describe_change(before, after), number=after.submissions))
    return rows.to_document(after, "tiptap")


@serves(REVIEW_DOCUMENT)
def review_document(uow: UnitOfWork, ref: DocumentRef, request: ReviewDocument) -> Document:
    """Approve a document or send it back. If two reviewers decide at the same time, the second one gets a conflict."""
    loaded = access.document(uow, ref)
    move = REVIEWS[request.status]
    is_author = loaded.row.author_id == uow.user_id
    is_alone = is_author and not people.has_other_members(uow, loaded.row.workspace_id, uow.user_id)
    check_reviewer(move, is_author=is_author, is_alone=is_alone)
    submissions = loaded.row.submissions

    decision = {
        "reviewer_id": uow.user_id,
        "review_notes": request.notes or None,
        "reviewed_at": uow.now,
    }

    def decide(before: StoredDocument) -> StoredDocument:
        status = next_status(before.status, move)
        uow.require_version(before.version)
        if before.submissions != submissions:
            raise Conflict("the document has been submitted again in the meantime", code="stale_submission")
        return replace_fields(before, status=status, reviewer_name=loaded.row.caller_name, **decision)

    before, after = change_document(uow, loaded, decide)
    version = {"_id": after.id, "_number": after.submissions, "status": after.status, **decision}
    submitted_by_id = uow.connection.execute(UPDATE_VERSION, version).scalar_one()
    event_class = DocumentApproved if move == "approve" else ChangesRequested
    uow.emit(
        event_class(
            **describe_change(before, after),
            number=after.submissions,
            submitted_by_id=submitted_by_id,
        )
    )
    return rows.to_document(after, "tiptap")


def select_pending_documents(user_id: ColumnElement[str]) -> Select[str]:
    """Return a statement for the documents that a user may review, with their kind, title, place and time.

    Args:
        user_id: The parameter with the id of the user.
    """
    return select(
        literal("document").label("kind"),
        documents.c.id,
        documents.c.title,
        documents.c.workspace_id,
        documents.c.project_id,
        documents.c.submitted_at.label("created_at"),
        cast(null(), Json).label("named_projects"),
    ).where(
        documents.c.status == literal_column("'pending_review'"),
        documents.c.author_id != user_id,
        documents.c.workspace_id.in_(reviewed_by(user_id)),
        or_(
            documents.c.project_id.is_(None),
            documents.c.project_id.in_(select(IN_PROJECT).where(sees_project(user_id))),
        ),
    )
