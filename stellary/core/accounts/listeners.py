"""Listeners: whether anything waits for what happens in a workspace, so that mostly nobody has to be looked for."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from stellary.core.accounts.tables import workspaces
from stellary.core.kernel.unit import UnitOfWork

_LISTEN = (
    update(workspaces)
    .where(workspaces.c.id == bindparam("_workspace_id"), ~workspaces.c.has_listeners)
    .values(has_listeners=True)
)


def listen(uow: UnitOfWork, workspace_id: str) -> None:
    """Say that something waits for what happens in a workspace from now on. It is never taken back: one who looks for
    nobody in vain does no harm.
    """
    uow.connection.execute(_LISTEN, {"_workspace_id": workspace_id})
    uow.unheard.discard(workspace_id)
