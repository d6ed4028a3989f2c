"""Flags that a workspace has rules, webhooks or watches, so that most events need no query for them."""

from __future__ import annotations

from sqlalchemy import Update, update

from stellary.core.accounts.tables import workspaces
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork


def build_mark(*flags: str) -> Update:
    """Return a statement that sets flags of a workspace, unless the last of them is set already.

    Args:
        flags: The names of the flags.
    """
    is_marked = workspaces.c[flags[-1]]
    this = is_given(workspaces.c.id, "workspace_id")
    return update(workspaces).where(this, ~is_marked).values(dict.fromkeys(flags, True))


_MARK_SUBSCRIBED = build_mark("has_listeners")
_MARK_CHANGE_RULES = build_mark("has_listeners", "has_change_rules")
_MARK_WATCHED = build_mark("has_watches")


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
