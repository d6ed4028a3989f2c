"""Access checks of knowledge: each reads a document and the caller's roles in one statement."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, or_, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.refs import DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.core.accounts.access_checks import (
    ORGANIZATION_ID,
    WORKSPACE_ID,
    AccessByRef,
    AccessCheck,
    Link,
    Loaded,
    by_ref,
)
from stellary.core.accounts.audience import name_of
from stellary.core.db.base import IdType
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import rows
from stellary.core.knowledge.row_types import (
    CallerNameRow,
    LoadedDocumentRow,
    StoredDocumentRow,
    VersionContentRow,
)
from stellary.core.knowledge.tables import documents, versions

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


def _name_caller(uow: UnitOfWork) -> dict[str, object]:
    return {"_caller_id": uow.user_id}


workspace = AccessCheck(WorkspaceRef, CallerNameRow, columns=[_CALLER_NAME], parameters=_name_caller)
"""The access check for the documents of a workspace."""

version = AccessCheck(
    DocumentVersionRef,
    VersionContentRow,
    _DOCUMENT,
    Link("Version", versions, "version_id", versions.c.document_id == documents.c.id),
    columns=(*rows.VERSION_SUMMARY, versions.c.content),
)
"""The access check for a version of a document."""

_document = AccessCheck(
    DocumentRef,
    LoadedDocumentRow,
    _DOCUMENT,
    columns=(_CALLER_NAME, *rows.DOCUMENT),
    dependency="document",
    version="version",
    parameters=_name_caller,
)
_THIS = select(*rows.DOCUMENT).where(documents.c.id == bindparam("_document_id"))
_CURRENT = Query(StoredDocumentRow, _THIS)


def document(uow: UnitOfWork, ref: DocumentRef) -> Loaded[LoadedDocumentRow]:
    """Check access to a document; return its row, and ``caller_name``.

    Args:
        uow: The unit of work.
        ref: The document.

    Raises:
        NotFound: The workspace is not visible to the caller, or neither it nor its organization has such a document.
        Forbidden: The caller's role is insufficient; or the caller wants to change a document that was created in another
            workspace of the organization.
    """
    at = _document(uow, ref)
    if uow.policy != DOCUMENT_READ and at.row.workspace_id != at.roles.workspace_id:
        raise Forbidden(
            "a document of the organization can be changed only in the workspace in which it was created",
            code="other_workspace",
        )
    return at


def reload_document(uow: UnitOfWork, document_id: str) -> StoredDocumentRow:
    """Return the last committed state of a document. The row is not locked, since writers compare its version.

    Args:
        uow: The unit of work.
        document_id: The document.

    Raises:
        NotFound: It was deleted in the meantime.
    """
    row = _CURRENT.first(uow.connection, {"_document_id": document_id})
    if row is None:
        raise NotFound("Document not found")
    uow.record_dependency("held document", row.id, row.version)
    return row


ACCESS_BY_REF: AccessByRef = {**by_ref(version), DocumentRef: document}
