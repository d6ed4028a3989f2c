"""Flags that a workspace has rules, webhooks or watches, so that most events need no query for them."""

from __future__ import annotations

from sqlalchemy import update

from stellary.core.accounts.tables import workspaces
from stellary.core.db.base import given
from stellary.core.kernel.unit import UnitOfWork

_MARK_SUBSCRIBED = (
    update(workspaces)
    .where(given(workspaces.c.id, "workspace_id"), ~workspaces.c.has_listeners)
    .values(has_listeners=True)
)
_MARK_CHANGE_RULES = (
    update(workspaces)
    .where(given(workspaces.c.id, "workspace_id"), ~workspaces.c.has_change_rules)
    .values(has_listeners=True, has_change_rules=True)
)


_MARK_WATCHED = (
    update(workspaces)
    .where(given(workspaces.c.id, "workspace_id"), ~workspaces.c.has_watches)
    .values(has_watches=True)
)


def mark_watched(uow: UnitOfWork, workspace_id: str) -> None:
    """Record that somebody watches or mutes something in a workspace. The flag is never reset.

    Args:
        workspace_id: The workspace.
    """
    if workspace_id in uow.workspaces_without_watches:
        uow.connection.execute(_MARK_WATCHED, {"_workspace_id": workspace_id})
        uow.workspaces_without_watches.discard(workspace_id)


def mark_subscribed(uow: UnitOfWork, workspace_id: str, *, has_change_rules: bool = False) -> None:
    """Record that a workspace has a rule or a webhook.

    The flags are never reset: a query that returns no subscriber does no harm.

    Args:
        workspace_id: The workspace.
        has_change_rules: Whether it has a rule for comments, archiving, or changes of fields.
    """
    uow.connection.execute(
        _MARK_CHANGE_RULES if has_change_rules else _MARK_SUBSCRIBED, {"_workspace_id": workspace_id}
    )
    uow.workspaces_without_subscribers.discard(workspace_id)
    if has_change_rules:
        uow.workspaces_without_change_rules.discard(workspace_id)
