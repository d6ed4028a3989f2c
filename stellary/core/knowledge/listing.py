"""The documents of a workspace as a list, and the versions of one: without what they say."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, bindparam, or_, select

from stellary.contract.documents import (
    GET_VERSION,
    LIST_DOCUMENTS,
    LIST_VERSIONS,
    DocumentSummary,
    DocumentVersion,
    DocumentVersionSummary,
    GetDocument,
    ListDocuments,
)
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import utc
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import is_agent_user
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.queries import searching
from stellary.core.board.queries.filters import check_in_workspace, is_in_workspace
from stellary.core.board.rules.references import unknown
from stellary.core.db.row_types import AnyRow
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.tables import documents, versions

_q: ColumnElement[str] = bindparam("q", type_=String)
_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "doc_type": documents.c.doc_type == bindparam("doc_type"),
    "context_type": documents.c.context_type == bindparam("context_type"),
    "context_id": documents.c.context_id == bindparam("context_id"),
    "project_id": documents.c.project_id == bindparam("project_id"),
    "parent_id": documents.c.parent_id == bindparam("parent_id"),
    "top_level": documents.c.parent_id.is_(None) == bindparam("top_level"),
    "status": documents.c.status == bindparam("status"),
    "author_id": documents.c.author_id == bindparam("author_id"),
    "tag": documents.c.tag_keys.like(bindparam("tag", type_=String), escape="\\"),
    "q": searching.contains(documents.c.title, _q),
    "updated_since": documents.c.updated_at >= bindparam("updated_since"),
}
SHOWN_HERE = (
    documents.c.organization_id == bindparam("_organization_id"),
    or_(
        documents.c.workspace_id == bindparam("_workspace_id"),
        documents.c.context_type == "organization",
    ),
)
"""The conditions of what is shown in a workspace."""
_SHOWN: Select[Any] = select(*rows.SUMMARY).where(*SHOWN_HERE)
_ONE_SHOWN = select(documents.c.id).where(*SHOWN_HERE, documents.c.id == bindparam("_id"))
_ONE_BY = select(documents.c.id).where(*SHOWN_HERE, documents.c.author_id == bindparam("_id")).limit(1)
_VERSIONS = Pages(
    AnyRow,
    select(*rows.VERSION_SUMMARY).where(versions.c.document_id == bindparam("_document_id")),
    versions.c.id,
    newest_first=True,
)


@serves(LIST_DOCUMENTS)
def list_documents(uow: UnitOfWork, ref: WorkspaceRef, request: ListDocuments) -> Listing[DocumentSummary]:
    """The documents of the workspace, and those of its organization, that pass all filters."""
    roles = access.workspace(uow, ref).roles
    filters = _asked(request)
    if "q" in filters:
        searching.prepare(uow)
    place = {"_organization_id": roles.organization_id, "_workspace_id": roles.workspace_id}
    if filters.get("parent_id", "") is None:
        del filters["parent_id"]
        filters["top_level"] = filters.get("top_level", True)
        if not filters["top_level"]:
            return Listing([])
    found = _pages(frozenset(filters)).fetch(uow, request, _summary, **place, **filters)
    if not found.items:
        _check_ids(uow, roles, request)
    return found


def _check_ids(uow: UnitOfWork, roles: CallerRoles, request: ListDocuments) -> None:
    """Check the ids of a list in which nothing was found.

    Raises:
        Invalid: One of them names nothing.
    """
    workspace_id = roles.workspace_id or ""
    place = {"_organization_id": roles.organization_id, "_workspace_id": workspace_id}
    if request.project_id is not UNSET:
        check_in_workspace(uow, workspace_id, "projectId", request.project_id)
    if (id := request.context_id) is not UNSET and not (
        id in place.values()
        or any(is_in_workspace(uow, workspace_id, field, id) for field in ("projectId", "scopeId"))
    ):
        raise unknown("contextId")
    if (
        isinstance(parent_id := request.parent_id, str)
        and not uow.connection.execute(_ONE_SHOWN, {**place, "_id": parent_id}).first()
    ):
        raise unknown("parentId")
    if (id := request.author_id) is not UNSET and not (
        people.reaches(uow, workspace_id, id)
        or is_agent_user(uow, workspace_id, id)
        or uow.connection.execute(_ONE_BY, {**place, "_id": id}).first()
    ):
        raise unknown("authorId")


@serves(LIST_VERSIONS)
def list_versions(uow: UnitOfWork, ref: DocumentRef, request: Paged) -> Listing[DocumentVersionSummary]:
    """What was submitted, newest first."""
    document = access.document(uow, ref).row
    return _VERSIONS.fetch(uow, request, _version_summary, _document_id=document.id)


@serves(GET_VERSION)
def get_version(uow: UnitOfWork, ref: DocumentVersionRef, request: GetDocument) -> DocumentVersion:
    """What was submitted once."""
    return rows.version(access.version(uow, ref).row._mapping, request.content_format)


def _asked(request: ListDocuments) -> dict[str, Any]:
    found = {name: asked for name in _FILTERS if (asked := getattr(request, name)) is not UNSET}
    if "updated_since" in found:
        found["updated_since"] = utc(found["updated_since"])
    if "q" in found:
        found["q"] = searching.pattern_of(found["q"])
    if "tag" in found:
        found["tag"] = searching.pattern_of(f"\n{found['tag'].casefold()}\n")
    return found


@functools.lru_cache(maxsize=256)
def _pages(names: frozenset[str]) -> Pages[Any]:
    """The statements of the list, built once for each combination of filters."""
    return Pages(AnyRow, _SHOWN.where(*(_FILTERS[name] for name in sorted(names))), documents.c.id)


def _summary(row: Row[Any]) -> DocumentSummary:
    return rows.summary(row._mapping)


def _version_summary(row: Row[Any]) -> DocumentVersionSummary:
    return rows.version_summary(row._mapping)
