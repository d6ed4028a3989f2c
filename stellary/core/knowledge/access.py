"""Access checks of knowledge: each reads a document and the caller's roles in one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, Row, Select, and_, bindparam, or_, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.refs import DocumentRef, DocumentVersionRef, Ref, WorkspaceRef
from stellary.core.accounts.access_checks import (
    ORGANIZATION_ID,
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.accounts.audience import name_of
from stellary.core.db.base import IdType
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import rows
from stellary.core.knowledge.tables import documents, versions

_CALLER_NAME = name_of(bindparam("_caller_id", type_=IdType)).label("caller_name")


def _to_document(source: FromClause) -> FromClause:
    return source.outerjoin(
        documents,
        and_(
            documents.c.id == bindparam("_document_id"),
            documents.c.organization_id == ORGANIZATION_ID,
            or_(documents.c.workspace_id == WORKSPACE_ID, documents.c.context_type == "organization"),
        ),
    )


def _to_version(source: FromClause) -> FromClause:
    return _to_document(source).outerjoin(
        versions, and_(versions.c.document_id == documents.c.id, versions.c.id == bindparam("_version_id"))
    )


_WORKSPACE = through_workspace(_CALLER_NAME)
_DOCUMENT = through_workspace(_CALLER_NAME, *rows.DOCUMENT, joins=_to_document)
_VERSION = through_workspace(
    documents.c.id.label("of_document"), *rows.VERSION_SUMMARY, versions.c.content, joins=_to_version
)
_CURRENT: Select[Any] = select(*rows.DOCUMENT).where(documents.c.id == bindparam("_document_id"))
_LOCK_TO_DELETE: Select[Any] = _CURRENT.with_for_update(of=documents)


def workspace(uow: UnitOfWork, ref: WorkspaceRef) -> Loaded[Any]:
    """Check access to the documents of a workspace; return a row with ``caller_name``.

    Raises:
        NotFound: There is no such workspace, or it is not visible to the caller.
        Forbidden: The caller's role is insufficient.
    """
    row, roles = load_with_roles(uow, _WORKSPACE, ref, _caller_id=uow.user_id)
    check_role(uow, roles)
    return Loaded(row, roles)


def document(uow: UnitOfWork, ref: DocumentRef) -> Loaded[Any]:
    """Check access to a document; return its row, and ``caller_name``.

    Raises:
        NotFound: The workspace is not visible to the caller, or neither it nor its organization has such a document.
        Forbidden: The caller's role is insufficient; or the caller wants to change a document that was created in another
            workspace of the organization.
    """
    row, roles = load_with_roles(uow, _DOCUMENT, ref, _document_id=ref.document_id, _caller_id=uow.user_id)
    check_role(uow, roles)
    if row.id is None:
        raise NotFound("Document not found")
    if uow.policy != DOCUMENT_READ and row.workspace_id != roles.workspace_id:
        raise Forbidden(
            "a document of the organization can be changed only in the workspace in which it was created",
            code="other_workspace",
        )
    uow.record_dependency("document", row.id, row.version)
    return Loaded(row, roles)


def version(uow: UnitOfWork, ref: DocumentVersionRef) -> Loaded[Any]:
    """Check access to a version of a document; return its row.

    Raises:
        NotFound: The workspace is not visible to the caller, or there is no such document or version.
        Forbidden: The caller's role is insufficient.
    """
    row, roles = load_with_roles(uow, _VERSION, ref, _document_id=ref.document_id, _version_id=ref.version_id)
    check_role(uow, roles)
    if row.of_document is None:
        raise NotFound("Document not found")
    if row.id is None:
        raise NotFound("Version not found")
    return Loaded(row, roles)


def reload_document(uow: UnitOfWork, document_id: str) -> Row[Any]:
    """Return a document as it was last committed. The row is not locked: writers compare its version.

    Raises:
        NotFound: It was deleted in the meantime.
    """
    return _load_document(uow, _CURRENT, document_id)


def lock_document_to_delete(uow: UnitOfWork, document_id: str) -> Row[Any]:
    """Lock a document until the unit ends, so that no document is placed below it, and return it as it was last committed.

    Raises:
        NotFound: It was deleted in the meantime.
    """
    return _load_document(uow, _LOCK_TO_DELETE, document_id)


def _load_document(uow: UnitOfWork, statement: Select[Any], document_id: str) -> Row[Any]:
    row = uow.connection.execute(statement, {"_document_id": document_id}).first()
    if row is None:
        raise NotFound("Document not found")
    uow.record_dependency("held document", row.id, row.version)
    return row


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    DocumentRef: document,
    DocumentVersionRef: version,
}
