"""Departures: what agents do on behalf of somebody ends when that person no longer reaches the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from stellary.core.agents import missions
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.kernel.events import AdminRightsLost, TokensRevoked, WorkspaceLeft
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork

LEFT = "whoever has asked for it no longer reaches the workspace"
_REVOKE = delete(agent_tokens).where(
    agent_tokens.c.created_by_id == bindparam("_user_id"),
    agent_tokens.c.agent_id.in_(
        select(agents.c.id).where(agents.c.workspace_id == bindparam("_workspace_id"))
    ),
)
_REVOKE_ALL = delete(agent_tokens).where(agent_tokens.c.created_by_id == bindparam("_user_id"))
_ASKED_FOR = (
    select(table.c.id)
    .where(
        table.c.workspace_id == bindparam("_workspace_id"),
        table.c.created_by_id == bindparam("_user_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def revoke_tokens(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Revoke the tokens of agents that those have made who may no longer make any."""
    for event in events:
        made_by = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        revoked = uow.connection.execute(_REVOKE, made_by).rowcount
        if revoked:
            uow.ended["agent_tokens"] += revoked
            uow.send_on_commit(ACCESS)


def revoke_all_tokens(uow: UnitOfWork, events: Sequence[TokensRevoked]) -> None:
    """Revoke the tokens of agents that act within the rights of those who want none any more, wherever they are."""
    for event in events:
        uow.ended["agent_tokens"] += uow.connection.execute(_REVOKE_ALL, {"_user_id": event.user_id}).rowcount
        uow.send_on_commit(ACCESS)


def cancel_missions(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Cancel the missions that those have asked for who have left."""
    for event in events:
        left = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        for mission_id in uow.connection.execute(_ASKED_FOR, left).scalars().all():
            missions.cancel(uow, mission_id, event.user_id, LEFT)
            uow.ended["missions"] += 1
