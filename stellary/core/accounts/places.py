"""Workspaces by id, and the workspaces that the caller has access to."""

from __future__ import annotations

from typing import Any

import attrs
from sqlalchemy import BindParameter, Select, bindparam, select

from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts.audience import seen_by
from stellary.core.accounts.tables import organizations, workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork

WORKSPACES_MAX = 500

_SLUGS = (
    select(organizations.c.slug, workspaces.c.slug)
    .join_from(workspaces, organizations, organizations.c.id == workspaces.c.organization_id)
    .where(is_given(workspaces.c.id, "workspace_id"), workspaces.c.trash_id.is_(None))
)
_ME: BindParameter[str] = bindparam("_user_id")
_WITH_ACCESS: Select[Any] = (
    select(
        workspaces.c.id,
        organizations.c.slug.label("organization"),
        workspaces.c.slug,
        workspaces.c.name,
        workspaces.c.is_personal,
    )
    .join_from(workspaces, organizations, organizations.c.id == workspaces.c.organization_id)
    .where(workspaces.c.trash_id.is_(None), workspaces.c.id.in_(seen_by(_ME)))
    .order_by(workspaces.c.id)
    .limit(WORKSPACES_MAX)
)
_ONE_WITH_ACCESS = _WITH_ACCESS.where(is_given(workspaces.c.id, "workspace_id"))


@attrs.frozen
class AccessibleWorkspace:
    """A workspace that the caller has access to."""

    id: str
    ref: WorkspaceRef
    name: str
    is_personal: bool


def list_workspaces(uow: UnitOfWork) -> list[AccessibleWorkspace]:
    """Return the workspaces that the caller has access to, oldest first; for an agent, its own."""
    parameters = {"_user_id": uow.principal_id}
    statement = _WITH_ACCESS
    if uow.actor.agent_limits is not None:
        statement = _ONE_WITH_ACCESS
        parameters["_workspace_id"] = uow.actor.agent_limits.workspace_id
    rows = uow.connection.execute(statement, parameters)
    return [
        AccessibleWorkspace(row.id, WorkspaceRef(row.organization, row.slug), row.name, row.is_personal)
        for row in rows
    ]


def select_next_workspace(organization_ids: Select[Any]) -> Select[Any]:
    """Return a statement for the id of the first workspace of some organizations after ``_workspace_id``, deleted or not.

    Args:
        organization_ids: A statement for the ids of the organizations.
    """
    return (
        select(workspaces.c.id)
        .where(
            workspaces.c.organization_id.in_(organization_ids), workspaces.c.id > bindparam("_workspace_id")
        )
        .order_by(workspaces.c.id)
        .limit(1)
    )


def workspace_ref(uow: UnitOfWork, workspace_id: str) -> WorkspaceRef:
    """Return the ref of a workspace by its id; a ref without slugs if it is deleted.

    Args:
        workspace_id: The id of the workspace.
    """
    row = uow.connection.execute(_SLUGS, {"_workspace_id": workspace_id}).first()
    return WorkspaceRef("", "") if row is None else WorkspaceRef(*row)
