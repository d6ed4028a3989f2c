"""Absence: a mission that a program outside has taken, and then is not heard of any more, does not run for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from stellary.core.agents import missions
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork

LOOK = "agents.absence"
LIMIT = timedelta(hours=1)
ABSENT = "the agent's program has not been heard of for an hour"

_AT_WORK = select(table.c.id).where(table.c.agent_id == bindparam("_agent_id"), table.c.status == "running")
_SEEN: Select[Any] = (
    select(
        table.c.started_at,
        agents.c.updated_at,
        agents.c.status,
        select(func.max(agent_tokens.c.last_used_at))
        .where(agent_tokens.c.agent_id == agents.c.id)
        .scalar_subquery()
        .label("last_used_at"),
    )
    .join_from(table, agents, agents.c.id == table.c.agent_id)
    .where(table.c.id == bindparam("_id"), table.c.status == "running", agents.c.runtime == "external")
)


def expect(uow: UnitOfWork, mission_id: str) -> None:
    """Look after a mission that a program has taken."""
    jobs.enqueue(uow, LOOK, {"missionId": mission_id}, due_at=uow.now + LIMIT)


def expect_all(uow: UnitOfWork, agent_id: str) -> None:
    """Look after all missions that an agent is at work on, which from now on is a program outside."""
    for mission_id in uow.connection.execute(_AT_WORK, {"_agent_id": agent_id}).scalars().all():
        expect(uow, mission_id)


def look(uow: UnitOfWork, payload: Any) -> None:
    """End a mission whose program is not there any more; or look again when that could be so.

    Whatever an agent does with a token is a sign that it is there. What is suspended may not give one.
    """
    mission_id = payload["missionId"]
    row = uow.connection.execute(_SEEN, {"_id": mission_id}).first()
    if row is None:
        return
    signs = (row.started_at, row.updated_at, row.last_used_at)
    gone_at = max(sign for sign in signs if sign is not None) + LIMIT
    if row.status != "active":
        gone_at = uow.now + LIMIT
    if gone_at > uow.now:
        jobs.enqueue(uow, LOOK, payload, due_at=gone_at)
        return
    missions.end(uow, mission_id, "failed", ("running",), error=ABSENT)
