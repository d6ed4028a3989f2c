"""Conversion of rows of agents, tokens, missions, proposals and audit entries to values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select

from stellary.contract.agent_missions import AgentMission, MissionEntry
from stellary.contract.agents import Agent, AgentToken, AuditEntry, CreatedAgentToken, RateLimit
from stellary.contract.proposals import Proposal
from stellary.contract.wire import wire_fields
from stellary.core.agents.row_types import (
    AgentRow,
    AgentTokenRow,
    AuditRow,
    MissionEntryRow,
    MissionRow,
    ProposalRow,
)
from stellary.core.agents.rules import missions as missions_rules
from stellary.core.agents.tables import mission_log, missions, proposals

PENDING: ColumnElement[int] = (
    select(func.count())
    .select_from(proposals)
    .where(proposals.c.mission_id == missions.c.id, proposals.c.status == "pending")
    .scalar_subquery()
    .label("pending_proposals")
)
_OF_MISSION = mission_log.c.mission_id == missions.c.id
_CALLS: ColumnElement[int] = (
    select(func.count())
    .select_from(mission_log)
    .where(_OF_MISSION, mission_log.c.kind == "tool_call")
    .scalar_subquery()
    .label("calls_logged")
)
_MESSAGE: ColumnElement[Any] = (
    select(mission_log.c.data)
    .where(_OF_MISSION, mission_log.c.kind == "message")
    .order_by(mission_log.c.number.desc())
    .limit(1)
    .scalar_subquery()
    .label("last_message")
)
MISSION = (*missions.c, PENDING, _CALLS, _MESSAGE)
"""The columns that a statement selects for ``mission``."""

_AGENT = [field.name for field in wire_fields(Agent).values() if field.name != "rate_limit"]
_TOKEN = [field.name for field in wire_fields(AgentToken).values()]
_MISSION = [field.name for field in wire_fields(AgentMission).values() if field.name != "progress"]
_PROPOSAL = [field.name for field in wire_fields(Proposal).values()]
_ENTRY = [field.name for field in wire_fields(AuditEntry).values()]


def agent(row: AgentRow) -> Agent:
    """Convert a row to an agent."""
    limit = RateLimit(max_actions=row.max_actions, window_seconds=row.window_seconds)
    return Agent(rate_limit=limit, **{name: getattr(row, name) for name in _AGENT})


def agent_row(agent: Agent) -> dict[str, object]:
    """Convert an agent to a row, without the columns of the current rate limit window."""
    row = {name: getattr(agent, name) for name in _AGENT}
    limit = agent.rate_limit
    return row | {"max_actions": limit.max_actions, "window_seconds": limit.window_seconds}


def token(row: AgentTokenRow) -> AgentToken:
    """Convert a row to an agent token."""
    return AgentToken(**{name: getattr(row, name) for name in _TOKEN})


def token_row(token: CreatedAgentToken) -> dict[str, object]:
    """Convert a new token to a row, without the digest of its secret."""
    return {name: getattr(token, name) for name in _TOKEN}


def mission(row: MissionRow) -> AgentMission:
    """Convert a row with the columns of ``MISSION`` to a mission."""
    unmade_calls = sum(call["outcome"] == "todo" for call in row.calls)
    progress = missions_rules.progress(
        row.status, row.turns, row.calls_logged, unmade_calls, row.pending_proposals, row.last_message
    )
    return AgentMission(progress=progress, **{name: getattr(row, name) for name in _MISSION})


def mission_row(mission: AgentMission) -> dict[str, object]:
    """Convert a new mission to a row, without the columns that only its execution reads."""
    return {name: getattr(mission, name) for name in _MISSION if name != "pending_proposals"}


def proposal(row: ProposalRow) -> Proposal:
    """Convert a row to a proposal."""
    return Proposal(**{name: getattr(row, name) for name in _PROPOSAL})


def audit_entry(row: AuditRow) -> AuditEntry:
    """Convert a row to an audit entry."""
    return AuditEntry(**{name: getattr(row, name) for name in _ENTRY})


def mission_entry(row: MissionEntryRow) -> MissionEntry:
    """Convert a row to an entry of a mission's log."""
    return MissionEntry(id=row.number, kind=row.kind, data=row.data, created_at=row.created_at)
