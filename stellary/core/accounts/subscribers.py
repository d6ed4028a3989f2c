"""A flag that a workspace has rules or webhooks, so that most events need no query for them."""

from __future__ import annotations

from sqlalchemy import bindparam, update

from stellary.core.accounts.tables import workspaces
from stellary.core.kernel.unit import UnitOfWork

_MARK_SUBSCRIBED = (
    update(workspaces)
    .where(workspaces.c.id == bindparam("_workspace_id"), ~workspaces.c.has_listeners)
    .values(has_listeners=True)
)


def mark_subscribed(uow: UnitOfWork, workspace_id: str) -> None:
    """Record that a workspace has a rule or a webhook.

    The flag is never reset: a query that returns no subscriber does no harm.

    Args:
        workspace_id: The workspace.
    """
    uow.connection.execute(_MARK_SUBSCRIBED, {"_workspace_id": workspace_id})
    uow.workspaces_without_subscribers.discard(workspace_id)
