"""The document that an action names, by its id or title."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Select, bindparam, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import WorkspaceRef
from stellary.core.board.queries import searching
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import access
from stellary.core.knowledge.listing import VISIBLE_HERE
from stellary.core.knowledge.row_types import TitleRow
from stellary.core.knowledge.tables import documents

CANDIDATES_MAX = 1_000

_SELECT_TITLES: Select[Any] = select(documents.c.id, documents.c.title).where(*VISIBLE_HERE)
_BY_ID, _BY_TITLE, _NEWEST = (
    Query(TitleRow, rows)
    for rows in (
        _SELECT_TITLES.where(documents.c.id == bindparam("_name")),
        _SELECT_TITLES.where(
            searching.folded(documents.c.title) == searching.folded(bindparam("_name"))
        ).limit(10),
        _SELECT_TITLES.order_by(documents.c.updated_at.desc(), documents.c.id).limit(CANDIDATES_MAX),
    )
)


def resolve_document(uow: UnitOfWork, ref: WorkspaceRef, name: str, field: str = "documentId") -> str:
    """Return the id of the document that a name refers to.

    A name that is not an exact id or title is compared with the documents that were changed last.

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
    roles = access.workspace(uow, ref).roles
    parameters = {"_organization_id": roles.organization_id, "_workspace_id": roles.workspace_id}
    if re.fullmatch(ID_PATTERN, name):
        row = _BY_ID.first(uow.connection, {**parameters, "_name": name})
        if row is not None:
            return row.id
    searching.prepare(uow)
    rows = _BY_TITLE.all(uow.connection, {**parameters, "_name": name})
    rows = rows or _NEWEST.all(uow.connection, parameters)
    if not rows:
        raise unknown(field)
    id = resolve_one(name, [Candidate(row.id, (row.title,)) for row in rows], field)
    uow.record_dependency("named document", id)
    return id
