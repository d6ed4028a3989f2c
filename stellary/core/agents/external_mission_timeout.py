"""The timeout of missions that an external program has claimed: after an hour without a call, a mission fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from stellary.core.agents import missions
from stellary.core.agents.row_types import SignsOfLifeRow
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.agents.tables import missions as table
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork

CHECK = "agents.absence"
LIMIT = timedelta(hours=1)
TIMED_OUT = "the agent's program has made no call for an hour"

_RUNNING = select(table.c.id).where(is_given(table.c.agent_id), table.c.status == "running")
_SIGNS_OF_LIFE = Query(
    SignsOfLifeRow,
    (
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
        .where(is_given(table.c.id), table.c.status == "running", agents.c.runtime == "external")
    ),
)


def schedule_check(uow: UnitOfWork, mission_id: str) -> None:
    """Schedule the first check of a mission that an external program has claimed.

    Args:
        mission_id: The mission, which has just started.
    """
    jobs.enqueue(uow, CHECK, {"missionId": mission_id}, due_at=uow.now + LIMIT)


def schedule_checks_of_agent(uow: UnitOfWork, agent_id: str) -> None:
    """Schedule a check of each running mission of an agent that has become an external program.

    Args:
        agent_id: The agent.
    """
    for mission_id in uow.connection.execute(_RUNNING, {"_agent_id": agent_id}).scalars().all():
        schedule_check(uow, mission_id)


def check(uow: UnitOfWork, payload: Any) -> None:
    """Fail a mission whose program has made no call for an hour, or schedule the next check.

    Each call with one of the agent's tokens counts. A suspended agent cannot make calls, so its missions do not fail.

    Args:
        payload: The payload of the job: ``missionId``.
    """
    mission_id = payload["missionId"]
    row = _SIGNS_OF_LIFE.first(uow.connection, {"_id": mission_id})
    if row is None:
        return
    signs = (row.started_at, row.updated_at, row.last_used_at)
    deadline = max(sign for sign in signs if sign is not None) + LIMIT
    if row.status != "active":
        deadline = uow.now + LIMIT
    if deadline > uow.now:
        jobs.enqueue(uow, CHECK, payload, due_at=deadline)
        return
    missions.end_mission(uow, mission_id, "failed", ("running",), error=TIMED_OUT)
