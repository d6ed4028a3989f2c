"""Reactions of agents when a user leaves a workspace, loses admin rights there, or revokes all tokens."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from stellary.core.agents import missions
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.kernel.events import AdminRightsLost, TokensRevoked, WorkspaceLeft
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork

CREATOR_LEFT = "the person who created it no longer has access to the workspace"
_REVOKE = delete(agent_tokens).where(
    agent_tokens.c.created_by_id == bindparam("_user_id"),
    agent_tokens.c.agent_id.in_(
        select(agents.c.id).where(agents.c.workspace_id == bindparam("_workspace_id"))
    ),
)
_REVOKE_ALL = delete(agent_tokens).where(agent_tokens.c.created_by_id == bindparam("_user_id"))
_ACTIVE_MISSIONS = (
    select(table.c.id)
    .where(
        table.c.workspace_id == bindparam("_workspace_id"),
        table.c.created_by_id == bindparam("_user_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def revoke_tokens(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Revoke the agent tokens created by users who may no longer create any.

    Args:
        uow: The unit of work.
        events: The users who have left a workspace, or are no longer admins there.
    """
    for event in events:
        parameters = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        token_count = uow.connection.execute(_REVOKE, parameters).rowcount
        if token_count:
            uow.ended_counts["agent_tokens"] += token_count
            uow.send_on_commit(ACCESS)


def revoke_all_tokens(uow: UnitOfWork, events: Sequence[TokensRevoked]) -> None:
    """Revoke the agent tokens that users created, in all workspaces.

    Args:
        uow: The unit of work.
        events: The users who revoke all their tokens.
    """
    for event in events:
        uow.ended_counts["agent_tokens"] += uow.connection.execute(
            _REVOKE_ALL, {"_user_id": event.user_id}
        ).rowcount
        uow.send_on_commit(ACCESS)


def cancel_missions(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Cancel the active missions that were created by users who left.

    Args:
        uow: The unit of work.
        events: The users who have left a workspace.
    """
    for event in events:
        parameters = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        for mission_id in uow.connection.execute(_ACTIVE_MISSIONS, parameters).scalars().all():
            missions.cancel_if_active(uow, mission_id, event.user_id, CREATOR_LEFT)
            uow.ended_counts["missions"] += 1
