"""Placing: what a document belongs to, and below which other one it stands."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Select, bindparam, select

from stellary.contract.documents import ContextType, CreateDocument, UpdateDocument
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.refs import ProjectRef, ScopeRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts.access_checks import Loaded
from stellary.core.board import access as board_access
from stellary.core.board import scope_access
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.tables import documents

_HERE = documents.c.workspace_id == bindparam("_workspace_id")
# Nobody deletes it until the unit ends: who does so waits for what comes to stand below it.
_PARENT: Select[Any] = (
    select(
        documents.c.id,
        documents.c.context_type,
        documents.c.context_id,
        documents.c.project_id,
        documents.c.scope_id,
    )
    .where(_HERE, documents.c.id == bindparam("_parent_id"))
    .with_for_update(read=True, key_share=True)
)


def _above() -> Select[Any]:
    """The ids of a document and of all above it."""
    above = (
        select(documents.c.id, documents.c.parent_id)
        .where(_HERE, documents.c.id == bindparam("_parent_id"))
        .cte("above", recursive=True)
    )
    next_one = documents.alias("next_one")
    further = select(next_one.c.id, next_one.c.parent_id).where(
        next_one.c.workspace_id == bindparam("_workspace_id"), next_one.c.id == above.c.parent_id
    )
    return select(above.union(further).c.id)


_ABOVE = _above()


@attrs.frozen
class Context:
    """What a document belongs to, as the columns have it."""

    context_type: ContextType
    context_id: str
    project_id: str | None = None
    scope_id: str | None = None


def parent(uow: UnitOfWork, workspace_id: str, request: CreateDocument | UpdateDocument) -> Any:
    """The document below which one shall stand: its id and its context; None for none.

    Raises:
        Invalid: The workspace has no such document.
    """
    if not request.parent_id:
        if request.parent_id == "":
            raise unknown("parentId")
        return None
    place = {"_workspace_id": workspace_id, "_parent_id": request.parent_id}
    row = uow.connection.execute(_PARENT, place).first()
    if row is None:
        raise unknown("parentId")
    uow.record_dependency("parent document", row.id)
    return row


def check_no_cycle(uow: UnitOfWork, workspace_id: str, document_id: str, parent_id: str) -> None:
    """A document does not stand below itself. The workspace is held: nobody else moves one at the same time.

    Raises:
        Conflict: It would.
    """
    place = {"_workspace_id": workspace_id, "_parent_id": parent_id}
    if document_id in uow.connection.execute(_ABOVE, place).scalars():
        raise Conflict("a document cannot stand below itself", code="cycle")


def context(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    at: Loaded[Any],
    request: CreateDocument | UpdateDocument,
    parent: Any = None,
) -> Context | None:
    """What a document shall belong to; None if nothing is said.

    Args:
        uow: The unit.
        ref: The workspace.
        at: The result of its access check.
        request: What is asked for.
        parent: The document above it, whose context is the one that goes without saying.

    Raises:
        Invalid: There is no such thing in the workspace.
    """
    kind, said = request.context_type, request.context_id
    if kind is UNSET:
        if said is UNSET:
            return parent and Context(
                parent.context_type, parent.context_id, parent.project_id, parent.scope_id
            )
        raise invalid(("contextType", "is required beside contextId"))
    if kind in ("organization", "workspace"):
        own = at.roles.organization_id if kind == "organization" else at.roles.workspace_id or ""
        if said not in (UNSET, own):
            raise unknown("contextId")
        return Context(kind, own)
    if said is UNSET:
        raise invalid(("contextId", f"is required of a {kind}"))
    try:
        if kind == "project":
            board_access.load_locked_project(uow, _below(ref, ProjectRef, said))
            return Context(kind, said, said)
        scope = scope_access.load_locked_scope(uow, _below(ref, ScopeRef, said)).row
    except NotFound:
        raise unknown("contextId") from None
    return Context(kind, said, scope.project_id, said)


def _below(ref: WorkspaceRef, kind: type[Any], id: str) -> Any:
    return ref.parent(WorkspaceRef).child(kind, id)
