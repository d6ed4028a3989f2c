"""Reviews: documents submitted, approved or sent back. Section Review Workflow of the API reference."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, update

from stellary.contract.documents import REVIEW_DOCUMENT, SUBMIT_REVIEW, Document, ReviewDocument
from stellary.contract.errors import Conflict
from stellary.contract.refs import DocumentRef
from stellary.core.accounts import people
from stellary.core.kernel.events import ChangesRequested, DocumentApproved, DocumentSubmitted
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.documents import place, written
from stellary.core.knowledge.rows import Found
from stellary.core.knowledge.rules.review import REVIEWS, check_reviewer, moved
from stellary.core.knowledge.tables import versions

_KEEP = insert(versions)
_DECIDE = (
    update(versions)
    .where(versions.c.document_id == bindparam("_id"), versions.c.number == bindparam("_number"))
    .returning(versions.c.submitted_by_id)
)


@serves(SUBMIT_REVIEW)
def submit_review(uow: UnitOfWork, ref: DocumentRef) -> Document:
    """Submit a document for review, and keep what it says by then."""
    at = access.document(uow, ref)

    def decide(before: Found) -> dict[str, Any]:
        status = moved(before["status"], "submit")
        uow.require_version(before["version"])
        return {"status": status, "submissions": before["submissions"] + 1, "submitted_at": uow.now}

    before, changes = written(uow, at, decide)
    after = {**before, **changes}
    uow.connection.execute(
        _KEEP,
        {
            "id": uow.new_id(),
            "document_id": after["id"],
            "number": after["submissions"],
            **{name: after[name] for name in ("title", "doc_type", "content", "tags", "status")},
            "submitted_by_id": uow.user_id,
            "submitted_at": uow.now,
            "reviewer_id": None,
            "review_notes": None,
            "reviewed_at": None,
        },
    )
    document = rows.summary(after)
    uow.emit(DocumentSubmitted(**place(after), document=document, number=after["submissions"]))
    return rows.document(after, "tiptap")


@serves(REVIEW_DOCUMENT)
def review_document(uow: UnitOfWork, ref: DocumentRef, request: ReviewDocument) -> Document:
    """Approve what waits for a review, or send it back. Of two reviewers who do so at once, the second is told of that."""
    at = access.document(uow, ref)
    move = REVIEWS[request.status]
    is_author = at.row.author_id == uow.user_id
    is_alone = is_author and not people.others_reach(uow, at.row.workspace_id, uow.user_id)
    check_reviewer(move, is_author=is_author, is_alone=is_alone)
    seen = at.row.submissions

    def decide(before: Found) -> dict[str, Any]:
        status = moved(before["status"], move)
        uow.require_version(before["version"])
        if before["submissions"] != seen:
            raise Conflict("the document has been submitted anew in the meantime", code="stale_submission")
        return {"status": status, **decision}

    decision = {
        "reviewer_id": uow.user_id,
        "review_notes": request.notes or None,
        "reviewed_at": uow.now,
    }
    before, changes = written(uow, at, decide)
    after = {**before, **changes, "reviewer_name": at.row.caller_name}
    version = {"_id": after["id"], "_number": after["submissions"], "status": after["status"], **decision}
    submitted_by_id = uow.connection.execute(_DECIDE, version).scalar_one()
    happened = DocumentApproved if move == "approve" else ChangesRequested
    uow.emit(
        happened(
            **place(after),
            document=rows.summary(after),
            number=after["submissions"],
            submitted_by_id=submitted_by_id,
        )
    )
    return rows.document(after, "tiptap")
