"""The document that an action names, by its id or title."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, or_, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts.audience import organization_of
from stellary.core.accounts.project_sight import is_visible
from stellary.core.board.queries import searching
from stellary.core.board.resolve_names import resolve_title
from stellary.core.board.row_types import TitleRow
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.listing import VISIBLE_HERE, get_seen_parameters
from stellary.core.knowledge.tables import documents

_SELECT_TITLES: Select[Any] = select(documents.c.id, documents.c.title).where(
    *VISIBLE_HERE, is_visible(documents.c.project_id)
)
_BY_ID = Query(TitleRow, _SELECT_TITLES.where(is_given(documents.c.id, "name")))
_BY_TITLE = [
    Query(TitleRow, rows)
    for rows in (
        *searching.select_titled(_SELECT_TITLES, documents.c.title),
        _SELECT_TITLES.order_by(documents.c.updated_at.desc(), documents.c.id).limit(searching.TITLES_MAX),
    )
]
_BY_IDS = Query(
    TitleRow,
    select(documents.c.id, documents.c.title).where(
        is_given(documents.c.workspace_id), is_among(documents.c.id)
    ),
)

_PROJECTS = select(documents.c.id, documents.c.project_id).where(is_among(documents.c.id))


def title_of(
    id: ColumnElement[Any],
    workspace_id: ColumnElement[Any],
    sees: Callable[[ColumnElement[Any]], ColumnElement[bool]],
) -> ScalarSelect[Any]:
    """Return a subquery for the title of a document; null if it is deleted or hidden.

    Args:
        id: The id of the document.
        workspace_id: The id of the workspace that it must be in; a document of its organization is in each.
        sees: Returns the condition that its project is not hidden.
    """
    is_here = and_(
        documents.c.organization_id == organization_of(workspace_id),
        or_(documents.c.workspace_id == workspace_id, rows.OF_ORGANIZATION),
    )
    is_this = documents.c.id == id, is_here, sees(documents.c.project_id)
    return select(documents.c.title).where(*is_this).scalar_subquery()


def resolve_document(uow: UnitOfWork, ref: WorkspaceRef, name: str, field: str = "documentId") -> str:
    """Return the id of the document that a name refers to.

    The error for an unknown title suggests similar ones, of the documents that were changed last.

    Args:
        uow: The unit.
        ref: The workspace.
        name: An id or a title.
        field: The field of the name, for error messages.

    Returns:
        The id.

    Raises:
        NotFound: The workspace is not visible to the caller.
        Invalid: Neither it nor its organization has such a document, or there are several.
    """
    parameters = get_seen_parameters(access.workspace(uow, ref).roles)
    row = None
    if re.fullmatch(ID_PATTERN, name):
        row = _BY_ID.first(uow.connection, {**parameters, "_name": name})
    id = (row or resolve_title(uow, _BY_TITLE, parameters, name, field)).id
    uow.record_dependency(f"document in {field}", id)
    return id


def load_projects_of_documents(uow: UnitOfWork, ids: Collection[str]) -> dict[str, str | None]:
    """Return the projects of documents, by id; None for a document that is in no project.

    Args:
        ids: The ids; others than those of documents are left out.
    """
    rows = uow.connection.execute(_PROJECTS, {"_ids": list(ids)})
    return {row.id: row.project_id for row in rows}


def load_titles(uow: UnitOfWork, workspace_id: str, ids: Collection[str]) -> dict[str, str]:
    """Return the titles of documents of a workspace, by id.

    Args:
        workspace_id: The workspace.
        ids: The ids; others than those of documents are left out.
    """
    rows = _BY_IDS.all(uow.connection, {"_workspace_id": workspace_id, "_ids": list(ids)})
    return {row.id: row.title for row in rows}
