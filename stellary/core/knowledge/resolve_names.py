"""The document that an action names, by its id or title."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, bindparam, or_, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts.audience import organization_of
from stellary.core.accounts.project_sight import is_visible
from stellary.core.board.queries import searching
from stellary.core.board.queries.item_names import IDS_MAX, load_items
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


def _is_here(workspace_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a document is in a workspace; one of its organization is in each."""
    return and_(
        documents.c.organization_id == organization_of(workspace_id),
        or_(documents.c.workspace_id == workspace_id, rows.OF_ORGANIZATION),
    )


_BY_IDS = select(documents.c.id, documents.c.title, documents.c.project_id).where(
    _is_here(bindparam("_workspace_id")), is_among(documents.c.id)
)


def title_of(
    id: ColumnElement[Any],
    workspace_id: ColumnElement[Any],
    sees: Callable[[ColumnElement[Any]], ColumnElement[bool]],
) -> ScalarSelect[Any]:
    """Return a subquery for the title of a document; null if it is deleted or hidden.

    Args:
        id: The id of the document.
        workspace_id: The id of the workspace that it must be in.
        sees: Returns the condition that its project is not hidden.
    """
    is_this = documents.c.id == id, _is_here(workspace_id), sees(documents.c.project_id)
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


def find_items(
    uow: UnitOfWork,
    workspace_id: str,
    ids: Sequence[str],
) -> dict[str, tuple[str, str | None]]:
    """Return the names and the projects, if they are in one, of items of boards and documents of a workspace, by id.

    Args:
        workspace_id: The workspace. Documents of its organization are in each.
        ids: The ids; others than those of such items are left out.
    """
    items: dict[str, tuple[str, str | None]] = {}
    for first in range(0, len(ids), IDS_MAX):
        parameters = {"_workspace_id": workspace_id, "_ids": ids[first : first + IDS_MAX]}
        for id, title, project_id in uow.connection.execute(_BY_IDS, parameters):
            items[id] = title, project_id
        items |= load_items(uow, workspace_id, parameters["_ids"])
    return items
