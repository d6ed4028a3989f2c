"""Aiming: which document is meant by what an action calls it."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Select, bindparam, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import WorkspaceRef
from stellary.core.board.queries import searching
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import access
from stellary.core.knowledge.listing import SHOWN_HERE
from stellary.core.knowledge.tables import documents

NEAR = 1_000

_NAMED: Select[Any] = select(documents.c.id, documents.c.title).where(*SHOWN_HERE)
_BY_ID = _NAMED.where(documents.c.id == bindparam("_said"))
_BY_TITLE = _NAMED.where(searching.folded(documents.c.title) == searching.folded(bindparam("_said"))).limit(
    10
)
_NEWEST = _NAMED.order_by(documents.c.updated_at.desc(), documents.c.id).limit(NEAR)


def resolve_document(uow: UnitOfWork, ref: WorkspaceRef, said: str, field: str = "documentId") -> str:
    """The id of the document that is meant by an id or a title.

    A title that is not exactly right is looked for among those that were changed last.

    Args:
        uow: The unit.
        ref: The workspace.
        said: What was said.
        field: Where.

    Raises:
        NotFound: The caller does not reach the workspace.
        Invalid: Neither it nor its organization has such a document, or there are several.
    """
    roles = access.workspace(uow, ref).roles
    place = {"_organization_id": roles.organization_id, "_workspace_id": roles.workspace_id}
    if re.fullmatch(ID_PATTERN, said):
        row = uow.connection.execute(_BY_ID, {**place, "_said": said}).first()
        if row is not None:
            return str(row.id)
    searching.prepare(uow)
    rows = uow.connection.execute(_BY_TITLE, {**place, "_said": said}).fetchall()
    rows = rows or uow.connection.execute(_NEWEST, place).fetchall()
    if not rows:
        raise unknown(field)
    id = resolve_one(said, [Candidate(row.id, (row.title,)) for row in rows], field)
    uow.record_dependency("named document", id)
    return id
