"""Departures: what agents do on behalf of somebody ends when that person no longer reaches the workspace."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from stellary.core.agents import missions
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.events import WorkspaceLeft
from stellary.core.unit import UnitOfWork

LEFT = "whoever has asked for it no longer reaches the workspace"
_REVOKE = delete(agent_tokens).where(
    agent_tokens.c.created_by_id == bindparam("_user_id"),
    agent_tokens.c.agent_id.in_(
        select(agents.c.id).where(agents.c.workspace_id == bindparam("_workspace_id"))
    ),
)
_ASKED_FOR = (
    select(table.c.id)
    .where(
        table.c.workspace_id == bindparam("_workspace_id"),
        table.c.created_by_id == bindparam("_user_id"),
        table.c.status.in_(missions.ACTIVE),
    )
    .order_by(table.c.id)
)


def end_agency(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Revoke the tokens that those who have left have made, and cancel the missions that they have asked for."""
    for event in events:
        left = {"_user_id": event.user_id, "_workspace_id": event.workspace_id}
        uow.connection.execute(_REVOKE, left)
        for mission_id in uow.connection.execute(_ASKED_FOR, left).scalars().all():
            missions.cancel(uow, mission_id, event.user_id, LEFT)
