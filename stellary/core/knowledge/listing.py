"""Lists of the documents of a workspace and of the versions of a document, without their content."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, or_, select

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
from stellary.contract.refs import DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import is_agent_user
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.queries import searching
from stellary.core.board.queries.filters import check_in_workspace, is_in_workspace
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_types import RowType
from stellary.core.kernel.paging import Pages, belongs_to
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.row_types import DocumentSummaryRow
from stellary.core.knowledge.tables import documents, versions

_q: ColumnElement[str] = bindparam("q", type_=String)
_EQUAL = ("doc_type", "context_type", "context_id", "project_id", "parent_id", "status", "author_id")
_FILTERS: Mapping[str, ColumnElement[bool]] = {
    **{name: documents.c[name] == bindparam(name) for name in _EQUAL},
    "top_level": documents.c.parent_id.is_(None) == bindparam("top_level"),
    "tag": documents.c.tag_keys.like(bindparam("tag", type_=String), escape="\\"),
    "q": searching.contains(documents.c.title, _q),
    "updated_since": documents.c.updated_at >= bindparam("updated_since"),
}
_INDEXED = frozenset({"project_id", "parent_id"})
"""Filters that have an index of their own, whose documents are sorted: those of a project, or below a document."""
VISIBLE_HERE = (
    is_given(documents.c.organization_id),
    or_(is_given(documents.c.workspace_id), rows.OF_ORGANIZATION),
)
"""The conditions for documents that are visible in a workspace."""
_SELECT_VISIBLE: Select[Any] = select(*rows.SUMMARY).where(*VISIBLE_HERE)
_KEYS: Select[Any] = select(documents.c.id)
_PARTS = (
    _KEYS.where(belongs_to(documents.c.workspace_id, bindparam("_workspace_id", type_=IdType))).order_by(
        documents.c.workspace_id, documents.c.id
    ),
    _KEYS.where(
        belongs_to(documents.c.organization_id, bindparam("_organization_id", type_=IdType)),
        documents.c.context_type == "organization",
    ).order_by(documents.c.organization_id, documents.c.context_type, documents.c.id),
)
"""The documents of a workspace, and those of an organization, by an index each."""
_SEEN = (*VISIBLE_HERE, is_visible(documents.c.project_id))
_VISIBLE_BY_ID = select(documents.c.id).where(*_SEEN, is_given(documents.c.id))
_BY_AUTHOR = select(documents.c.id).where(*_SEEN, is_given(documents.c.author_id, "id")).limit(1)
_VERSIONS = Pages(
    RowType,
    select(*rows.VERSION_SUMMARY).where(is_given(versions.c.document_id)),
    versions.c.id,
    newest_first=True,
)


def get_seen_parameters(roles: CallerRoles) -> dict[str, object]:
    """Return the parameters of statements of the documents that a caller sees in a workspace."""
    containers = {"_organization_id": roles.organization_id, "_workspace_id": roles.workspace_id}
    return {**containers, **roles.sight.parameters}


@serves(LIST_DOCUMENTS)
def list_documents(uow: UnitOfWork, ref: WorkspaceRef, request: ListDocuments) -> Listing[DocumentSummary]:
    """Return the documents of the workspace and of its organization that match all filters."""
    roles = access.workspace(uow, ref).roles
    filters = _build_filters(request)
    if "q" in filters:
        searching.prepare(uow.connection)
    parameters: dict[str, object] = {
        "_organization_id": roles.organization_id,
        "_workspace_id": roles.workspace_id,
    }
    if filters.get("parent_id", "") is None:
        del filters["parent_id"]
        filters["top_level"] = filters.get("top_level", True)
        if not filters["top_level"]:
            return Listing([])
    if roles.sight.is_limited:
        parameters |= roles.sight.parameters
    pages = _pages(frozenset(filters), roles.sight.is_limited)
    page = pages.fetch(uow, request, rows.SUMMARY_FIELDS.to_value, **parameters, **filters)
    if not page.items:
        _check_ids(uow, roles, request)
    return page


def _check_ids(uow: UnitOfWork, roles: CallerRoles, request: ListDocuments) -> None:
    """Check the ids in the filters of an empty list.

    Raises:
        Invalid: An id does not exist.
    """
    workspace_id, parameters = roles.workspace_id, get_seen_parameters(roles)
    if request.project_id is not UNSET:
        check_in_workspace(uow, roles, "projectId", request.project_id)
    if (id := request.context_id) is not UNSET and not (
        id in (roles.organization_id, workspace_id)
        or any(is_in_workspace(uow, roles, field, id) for field in ("projectId", "scopeId"))
    ):
        raise unknown("contextId")
    if (
        isinstance(parent_id := request.parent_id, str)
        and not uow.connection.execute(_VISIBLE_BY_ID, {**parameters, "_id": parent_id}).first()
    ):
        raise unknown("parentId")
    if (id := request.author_id) is not UNSET and not (
        people.reaches(uow, workspace_id, id)
        or is_agent_user(uow, workspace_id, id)
        or uow.connection.execute(_BY_AUTHOR, {**parameters, "_id": id}).first()
    ):
        raise unknown("authorId")


@serves(LIST_VERSIONS)
def list_versions(uow: UnitOfWork, ref: DocumentRef, request: Paged) -> Listing[DocumentVersionSummary]:
    """Return the submitted versions of a document, newest first."""
    document = access.document(uow, ref).row
    return _VERSIONS.fetch(uow, request, rows.VERSION_FIELDS.to_value, _document_id=document.id)


@serves(GET_VERSION)
def get_version(uow: UnitOfWork, ref: DocumentVersionRef, request: GetDocument) -> DocumentVersion:
    """Return a submitted version of a document."""
    return rows.version(access.version(uow, ref).row, request.content_format)


def _build_filters(request: ListDocuments) -> dict[str, object]:
    filters = {name: value for name in _FILTERS if (value := getattr(request, name)) is not UNSET}
    if "q" in filters:
        filters["q"] = searching.pattern_of(filters["q"])
    if "tag" in filters:
        filters["tag"] = searching.pattern_of(f"\n{filters['tag'].casefold()}\n")
    return filters


@functools.lru_cache(maxsize=256)
def _pages(names: frozenset[str], is_limited: bool) -> Pages[DocumentSummaryRow]:
    """Return the statements of the list, built once for each combination of filters."""
    conditions = [_FILTERS[name] for name in sorted(names)]
    if is_limited:
        conditions.append(is_visible(documents.c.project_id))
    if not _INDEXED.isdisjoint(names):
        return Pages(DocumentSummaryRow, _SELECT_VISIBLE.where(*conditions), documents.c.id)
    return Pages(DocumentSummaryRow, _SELECT_VISIBLE, documents.c.id, residual=conditions, parts=_PARTS)
