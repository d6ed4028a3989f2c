"""The parent of a document, and the context (organization, workspace, project or scope) that it belongs to."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import Select, select

from stellary.contract.documents import (
    CREATE_DOCUMENT,
    ContextType,
    CreateDocument,
    TransferDocument,
    UpdateDocument,
)
from stellary.contract.errors import Conflict, Forbidden, NotFound
from stellary.contract.fields import convert
from stellary.contract.refs import DocumentRef, ProjectRef, ScopeRef, WorkspaceRef
from stellary.contract.wire import UNSET, invalid
from stellary.core.accounts.access_checks import Loaded, check_role
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.project_sight import find_sight
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board import access as board_access
from stellary.core.board.rules.references import unknown
from stellary.core.board.transfers import PROJECT_PLACE, SCOPE_PLACE, find_project
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.unit import UnitOfWork, check_restrictions
from stellary.core.knowledge import access
from stellary.core.knowledge.row_types import LoadedDocumentRow, ParentRow
from stellary.core.knowledge.tables import documents

_PROJECT = board_access.in_project_of(documents.c.project_id)
_HERE = is_given(documents.c.workspace_id)
# The lock keeps the parent from being deleted before the unit ends.
_PARENT = Query(
    ParentRow,
    select(
        documents.c.id,
        documents.c.context_type,
        documents.c.context_id,
        documents.c.project_id,
        documents.c.scope_id,
        *_PROJECT.roles,
    )
    .select_from(_PROJECT.join(documents))
    .where(_HERE, is_given(documents.c.id, "parent_id"))
    .with_for_update(read=True, key_share=True, of=documents),
)


def _select_ancestors() -> Select[Any]:
    """Return the ids of a document and its ancestors."""
    ancestors = (
        select(documents.c.id, documents.c.parent_id)
        .where(_HERE, is_given(documents.c.id, "parent_id"))
        .cte("above", recursive=True)
    )
    next_one = documents.alias("next_one")
    further = select(next_one.c.id, next_one.c.parent_id).where(
        is_given(next_one.c.workspace_id), next_one.c.id == ancestors.c.parent_id
    )
    return select(ancestors.union(further).c.id)


_ANCESTORS = _select_ancestors()


@attrs.frozen
class DocumentContext:
    """The context that a document belongs to, as stored in its columns."""

    context_type: ContextType
    context_id: str
    project_id: str | None = None
    scope_id: str | None = None


def _sees(uow: UnitOfWork, roles: CallerRoles, row: ParentRow) -> bool:
    role = roles.enter_project(row.own_role, row.others_role).project_role
    is_seen = not roles.is_guest if row.project_id is None else role is not None
    return is_seen and find_sight(uow.actor).sees(row.project_id)


def parent(
    uow: UnitOfWork, roles: CallerRoles, workspace_id: str, request: CreateDocument | UpdateDocument
) -> ParentRow | None:
    """Return the row of the parent document in a request, with its id and context; None if the request has no parent.

    Args:
        roles: The caller's roles in it.
        workspace_id: The workspace of the document.
        request: The request to create or update the document.

    Raises:
        Invalid: The workspace has no such document.
    """
    if not request.parent_id:
        if request.parent_id == "":
            raise unknown("parentId")
        return None
    parameters = {
        "_workspace_id": workspace_id,
        "_parent_id": request.parent_id,
        "_user_id": uow.principal_id,
    }
    row = _PARENT.first(uow.connection, parameters)
    if row is None or not _sees(uow, roles, row):
        raise unknown("parentId")
    uow.record_dependency("parent document", row.id)
    return row


def check_no_cycle(uow: UnitOfWork, workspace_id: str, document_id: str, parent_id: str) -> None:
    """Check that a document is not moved below itself. The locked workspace prevents concurrent moves.

    Args:
        workspace_id: The workspace of both documents.
        document_id: The document to move.
        parent_id: Its new parent.

    Raises:
        Conflict: The new parent is the document itself or one of its descendants.
    """
    parameters = {"_workspace_id": workspace_id, "_parent_id": parent_id}
    if document_id in uow.connection.execute(_ANCESTORS, parameters).scalars():
        raise Conflict("a document cannot be moved below itself", code="cycle")


def find_place(
    uow: UnitOfWork, ref: DocumentRef, loaded: Loaded[LoadedDocumentRow], request: TransferDocument
) -> tuple[dict[str, str | None], ParentRow | None]:
    """Return the workspace and the context that a document is moved to, as stored in its columns, and its new parent.

    Args:
        ref: The document.
        loaded: The result of its access check.
        request: The context, and the parent.

    Raises:
        Invalid: The caller sees no such context or parent in the organization, or the document is in that project already.
        Forbidden: The caller's role there is not enough.
        Conflict: The document would be below itself.
    """
    kind, id, change = request.context_type, request.context_id, convert(UpdateDocument, request)
    if kind == "workspace":
        project_id, workspace = None, workspace_ref(uow, id)
    else:
        query = PROJECT_PLACE if kind == "project" else SCOPE_PLACE
        project, _ = find_project(uow, ref, loaded.roles, "contextId", query, id)
        project_id, workspace = project.project_id, project.parent(WorkspaceRef)
    try:
        entered = access.workspace(uow, workspace)
    except NotFound:
        raise unknown("contextId") from None
    roles, workspace_id = entered.roles, entered.roles.workspace_id
    if roles.organization_id != loaded.roles.organization_id:
        raise unknown("contextId")
    if (workspace_id, project_id) == (loaded.row.workspace_id, loaded.row.project_id):
        raise invalid(("contextId", "must be in another project or workspace"))
    # A host that does not allow new documents in a workspace does not allow these either.
    check_restrictions(uow, CREATE_DOCUMENT, workspace)
    new_context = context(uow, workspace, entered, change)
    assert new_context is not None
    row = parent(uow, roles, workspace_id, change)
    if row is not None:
        check_no_cycle(uow, workspace_id, loaded.row.id, row.id)
    return {"workspace_id": workspace_id, **attrs.asdict(new_context)}, row


def context(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    loaded: Loaded[RowType],
    request: CreateDocument | UpdateDocument,
    parent: ParentRow | None = None,
) -> DocumentContext | None:
    """Return the context that a request specifies; None if it specifies none.

    Args:
        uow: The unit.
        ref: The workspace.
        loaded: The result of its access check.
        request: The request.
        parent: The parent document, whose context is the default.

    Returns:
        The context, or None to keep the current one.

    Raises:
        Invalid: The workspace has no such context.
        Forbidden: The caller's role in the project is not enough.
    """
    kind, context_id = request.context_type, request.context_id
    _check_place(uow, loaded.roles, request, parent)
    if kind is UNSET:
        if context_id is UNSET:
            if parent is None:
                return None
            if parent.project_id is not None:
                check_role(uow, loaded.roles.enter_project(parent.own_role, parent.others_role))
            return DocumentContext(parent.context_type, parent.context_id, parent.project_id, parent.scope_id)
        raise invalid(("contextType", "is required with contextId"))
    if kind in ("organization", "workspace"):
        own_id = loaded.roles.organization_id if kind == "organization" else loaded.roles.workspace_id
        if context_id not in (UNSET, own_id):
            raise unknown("contextId")
        return DocumentContext(kind, own_id)
    if context_id is UNSET:
        raise invalid(("contextId", f"is required if contextType is {kind}"))
    workspace = ref.parent(WorkspaceRef)
    try:
        if kind == "project":
            board_access.load_locked_project(uow, workspace.child(ProjectRef, context_id))
            return DocumentContext(kind, context_id, context_id)
        scope = board_access.load_locked_scope(uow, workspace.child(ScopeRef, context_id)).row
    except NotFound:
        raise unknown("contextId") from None
    return DocumentContext(kind, context_id, scope.project_id, context_id)


def _check_place(
    uow: UnitOfWork, roles: CallerRoles, request: CreateDocument | UpdateDocument, parent: ParentRow | None
) -> None:
    """Check that a token that is bound to projects, or a guest, leaves no document outside of them.

    Raises:
        Forbidden: The document would be in no project.
    """
    kind = request.context_type
    is_new = isinstance(request, CreateDocument) and kind is UNSET and parent is None
    if not is_new and kind not in ("organization", "workspace"):
        return
    if uow.actor.token_project_ids is not None:
        raise Forbidden("the API token is bound to projects", code="bound_token")
    if roles.is_guest:
        raise Forbidden("guests may write documents of projects only", code="insufficient_role")
