"""Access checks of knowledge: each reads a document and the caller's roles in one statement."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import and_, bindparam, or_, select

from stellary.contract.documents import DocumentSummary
from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.refs import DocumentCommentRef, DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.core.accounts.access_checks import (
    ORGANIZATION_ID,
    WORKSPACE_ID,
    AccessCheck,
    Link,
    Loaded,
    by_ref,
)
from stellary.core.accounts.audience import name_of
from stellary.core.board.access import in_project_of
from stellary.core.board.order.locks import retry_transaction
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import rows
from stellary.core.knowledge.row_types import (
    CallerNameRow,
    LoadedCommentRow,
    LoadedDocumentRow,
    LoadedSummaryRow,
    StoredDocumentRow,
    VersionContentRow,
)
from stellary.core.knowledge.tables import comments, documents, versions

R = TypeVar("R", bound=WorkspaceRef)
Row = TypeVar("Row", bound=LoadedSummaryRow)

_CALLER_NAME = name_of(bindparam("_caller_id", type_=IdType)).label("caller_name")
_DOCUMENT = Link(
    "Document",
    documents,
    "document_id",
    and_(
        documents.c.organization_id == ORGANIZATION_ID,
        or_(documents.c.workspace_id == WORKSPACE_ID, rows.OF_ORGANIZATION),
    ),
)
_PROJECT = in_project_of(documents.c.project_id)


class _DocumentCheck(AccessCheck[R, Row]):
    """An access check for a document, which only the workspace in which it was created may change."""

    def __call__(self, uow: UnitOfWork, ref: R) -> Loaded[Row]:
        """Check access like ``AccessCheck``.

        Args:
            uow: The unit of work.
            ref: The ref.

        Raises:
            NotFound: The workspace is not visible to the caller, or neither it nor its organization has such a document.
            Forbidden: The caller's role is insufficient; or the caller wants to change a document that was created in
                another workspace of the organization.
        """
        loaded = super().__call__(uow, ref)
        if uow.policy != DOCUMENT_READ and loaded.row.workspace_id != loaded.roles.workspace_id:
            raise Forbidden(
                "a document of the organization can be changed only in the workspace in which it was created",
                code="other_workspace",
            )
        return loaded


def _name_caller(uow: UnitOfWork) -> dict[str, object]:
    return {"_caller_id": uow.user_id}


workspace = AccessCheck(WorkspaceRef, CallerNameRow, columns=[_CALLER_NAME], parameters=_name_caller)
"""The access check for the documents of a workspace."""

version = AccessCheck(
    DocumentVersionRef,
    VersionContentRow,
    _DOCUMENT,
    _PROJECT,
    Link("Version", versions, "version_id", versions.c.document_id == documents.c.id),
    columns=(*rows.VERSION_SUMMARY, versions.c.content),
)
"""The access check for a version of a document."""

document = _DocumentCheck(
    DocumentRef,
    LoadedDocumentRow,
    _DOCUMENT,
    _PROJECT,
    columns=(_CALLER_NAME, *rows.DOCUMENT),
    dependency="document",
    version="version",
    parameters=_name_caller,
)
"""The access check for a document, with ``caller_name``."""
_THIS = select(*rows.DOCUMENT).where(is_given(documents.c.id, "document_id"))
_CURRENT = Query(StoredDocumentRow, _THIS)


document_summary = _DocumentCheck(DocumentRef, LoadedSummaryRow, _DOCUMENT, _PROJECT, columns=rows.SUMMARY)
"""The access check for a document whose content is not read."""
comment = _DocumentCheck(
    DocumentCommentRef,
    LoadedCommentRow,
    _DOCUMENT,
    _PROJECT,
    Link("Comment", comments, "comment_id", comments.c.document_id == documents.c.id),
    columns=(
        comments.c.id.label("comment_id"),
        comments.c.author_id.label("comment_author_id"),
        *rows.SUMMARY,
    ),
    author="comment_author_id",
)
"""The access check for a comment, which reads the row of its document."""


def reload_document(uow: UnitOfWork, document: StoredDocumentRow | DocumentSummary) -> StoredDocumentRow:
    """Return the last committed state of a document. The row is not locked, since writers compare its version.

    Args:
        document: Its former state. If it has another place now, the unit is repeated, since the caller may not see that place.

    Raises:
        NotFound: It was deleted in the meantime.
    """
    row = _CURRENT.first(uow.connection, {"_document_id": document.id})
    if row is None:
        raise NotFound("Document not found")
    if (row.workspace_id, row.project_id) != (document.workspace_id, document.project_id):
        retry_transaction(uow)
    uow.record_dependency("held document", row.id, row.version)
    return row


ACCESS_BY_REF = by_ref(version, document, comment)
