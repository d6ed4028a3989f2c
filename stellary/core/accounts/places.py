"""Places: where a workspace is found, for who knows it by its id alone."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts.tables import organizations, workspaces
from stellary.core.unit import UnitOfWork

_SLUGS = (
    select(organizations.c.slug, workspaces.c.slug)
    .join_from(workspaces, organizations, organizations.c.id == workspaces.c.organization_id)
    .where(workspaces.c.id == bindparam("_workspace_id"))
)


def workspace_ref(uow: UnitOfWork, workspace_id: str) -> WorkspaceRef:
    """The address of a workspace in which something has happened; one that is nowhere by now leads nowhere."""
    row = uow.connection.execute(_SLUGS, {"_workspace_id": workspace_id}).first()
    return WorkspaceRef("", "") if row is None else WorkspaceRef(*row)
