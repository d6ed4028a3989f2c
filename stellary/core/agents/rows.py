"""Conversion of rows of agents, tokens, missions, proposals and audit entries to values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, func, select

from stellary.contract.agent_missions import AgentMission, MissionEntry
from stellary.contract.agents import Agent, AgentToken, AuditEntry, RateLimit
from stellary.contract.fields import replace_fields
from stellary.contract.proposals import Proposal
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.agents.row_types import (
    AgentMissionRow,
    MissionEntryRow,
)
from stellary.core.agents.rules import missions as missions_rules
from stellary.core.agents.tables import agent_tokens, agents, audit, mission_log, missions, proposals
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.model_usage import read_usage
from stellary.core.kernel.writes import StoredItems

_OF_MISSION = mission_log.c.mission_id == missions.c.id
_COUNT = select(func.count())
PENDING: ColumnElement[int] = _COUNT.where(
    proposals.c.mission_id == missions.c.id, proposals.c.status == "pending"
).label("pending_proposals")
_CALLS: ColumnElement[int] = _COUNT.where(_OF_MISSION, mission_log.c.kind == "tool_call").label(
    "calls_logged"
)
_MESSAGE: ColumnElement[Any] = (
    select(mission_log.c.data)
    .where(_OF_MISSION, mission_log.c.kind == "message")
    .order_by(mission_log.c.number.desc())
    .limit(1)
    .label("last_message")
)
_LIMIT_FIELDS = RowFields(RateLimit, agents, internal=agents.c.keys())


class AgentColumns(TypedDict):
    """The columns of a new agent that are not fields."""

    window_began_at: datetime
    window_actions: int


class AgentTokenColumns(TypedDict):
    """The column of a new token that is not a field."""

    token_digest: str


AGENTS = StoredItems(Agent, agents, "Agent", AgentColumns, nested={"rate_limit": _LIMIT_FIELDS})
TOKENS = StoredItems(AgentToken, agent_tokens, "Token", AgentTokenColumns)
_MISSION_FIELDS = RowFields(
    AgentMission,
    missions,
    computed=("progress",),
    selected={"pending_proposals": PENDING},
    renamed={"tools": "tool_counts"},
    converted=("tools", "usage"),
    internal=("is_delegated", "step", "history", "calls", "turns", "last_entry", "named_projects"),
)
PROPOSALS = RowFields(
    Proposal,
    proposals,
    converted=("result",),
    internal=("call_id", "call", "blob_key", "seen", "named_projects"),
)
AUDIT = RowFields(AuditEntry, audit)
_ENTRY_FIELDS = RowFields(MissionEntry, mission_log, renamed={"id": "number"}, internal=("mission_id",))

MISSION = (*missions.c, PENDING, _CALLS, _MESSAGE)
"""The columns that a statement selects for ``mission``."""


def mission(row: AgentMissionRow, sight: ProjectSight = SEES_ALL) -> AgentMission:
    """Convert a row with the columns of ``MISSION`` to a mission, without the texts that may name hidden items.

    Args:
        row: The row.
        sight: The projects that the reader sees. Default: all.
    """
    unmade_calls = sum(call["outcome"] == "todo" for call in row.calls)
    progress = missions_rules.progress(
        row.status, row.turns, row.calls_logged, unmade_calls, row.pending_proposals, row.last_message
    )
    mission = _MISSION_FIELDS.to_value(
        row, progress=progress, tools=row.tool_counts or {}, usage=read_usage(row.usage)
    )
    if sight.sees_all(row.named_projects):
        return mission
    progress = replace_fields(progress, message=missions_rules.hide_text(progress.message))
    texts = {name: missions_rules.hide_text(getattr(mission, name)) for name in ("result", "error")}
    return replace_fields(mission, progress=progress, **texts)


def mission_row(mission: AgentMission) -> dict[str, object]:
    """Convert a new mission to a row."""
    return _MISSION_FIELDS.to_row(
        mission,
        is_delegated=False,
        step=0,
        history=None,
        calls=[],
        turns=0,
        last_entry=0,
        tool_counts=None,
        usage=None,
        named_projects={mission.project_id: True},
    )


def mission_entry(row: MissionEntryRow, *, is_hidden: bool = False) -> MissionEntry:
    """Convert a row to an entry of a mission's log.

    Args:
        row: The row.
        is_hidden: Whether to leave out what may name items. Default: no.
    """
    entry = _ENTRY_FIELDS.to_value(row)
    return replace_fields(entry, data=missions_rules.hide_names(entry.data)) if is_hidden else entry
