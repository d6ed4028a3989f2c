"""The rows of agents, as their statements select them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stellary.contract.agent_missions import MissionStatus
from stellary.contract.agents import AgentStatus, AutonomyMode
from stellary.contract.proposals import ProposalStatus
from stellary.core.db.row_types import RowType


class AgentRow(RowType):
    """An agent; ``rows.AGENTS`` reads further columns."""

    id: str
    workspace_id: str
    autonomy_mode: AutonomyMode
    project_ids: list[str] | None
    runtime: str
    status: AgentStatus


class AgentSlugRow(RowType):
    """The id and the slug of an agent."""

    id: str
    slug: str


class AgentLimitsRow(RowType):
    """The current limits of an agent."""

    status: AgentStatus
    tools: list[str]
    project_ids: list[str] | None


class CallWindowRow(RowType):
    """The status of an agent, with its rate limit and the current window."""

    status: AgentStatus
    max_actions: int
    window_seconds: int
    window_began_at: datetime
    window_actions: int


class SignsOfLifeRow(RowType):
    """The times of the last calls of an external agent's program."""

    started_at: datetime | None
    updated_at: datetime
    status: AgentStatus
    last_used_at: datetime | None


class NamedTokenRow(RowType):
    """A token of an agent, with the agent's name."""

    agent_name: str


class EndedTokenRow(NamedTokenRow):
    """A token that has just been revoked, with its agent's workspace."""

    workspace_id: str


class AuthenticatedTokenRow(RowType):
    """A token of an agent, with the agent's current limits."""

    id: str
    agent_id: str
    name: str
    created_by_id: str
    expires_at: datetime | None
    workspace_id: str
    tools: list[str]
    project_ids: list[str] | None
    autonomy_mode: AutonomyMode


class StoredMissionRow(RowType):
    """A mission with all columns of its table."""

    id: str
    workspace_id: str
    agent_id: str
    card_id: str
    project_id: str
    prompt: str
    status: MissionStatus
    autonomy_mode: AutonomyMode
    is_delegated: bool
    result: str | None
    created_by_id: str
    step: int
    history: Any
    calls: list[dict[str, Any]]
    turns: int
    tool_counts: dict[str, int] | None
    usage: Mapping[str, object] | None
    named_projects: Mapping[str, bool] | None


class AgentMissionRow(StoredMissionRow):
    """A mission, with the counts for its progress; ``rows.mission`` reads further columns."""

    pending_proposals: int
    calls_logged: int
    last_message: dict[str, str] | None


class RunningMissionRow(StoredMissionRow):
    """A mission, with its agent."""

    agent_status: AgentStatus
    runtime: str
    model: str | None
    tools: list[str]
    project_ids: list[str] | None


class EndingMissionRow(AgentMissionRow):
    """A mission that is about to end, with the name of its agent."""

    agent_name: str


class ProposalRow(RowType):
    """A proposal; ``rows.PROPOSALS`` reads further columns."""

    id: str
    workspace_id: str
    agent_id: str
    mission_id: str | None
    action: str
    params: dict[str, Any]
    call: dict[str, Any] | None
    blob_key: str | None
    summary: str
    seen: dict[str, str]
    status: ProposalStatus
    reason: str | None
    decided_by_id: str | None
    result: Any
    named_projects: Mapping[str, bool] | None


class MissionEntryRow(RowType):
    """An entry of a mission's log, with the projects that the mission has read or changed.

    Attributes:
        is_hidden: Whether the reader does not see one of them.
    """

    named_projects: Mapping[str, bool] | None
    is_hidden: bool
