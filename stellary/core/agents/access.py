"""Access checks for agents, their tokens, missions and proposals."""

from __future__ import annotations

from stellary.contract.refs import AgentMissionRef, AgentRef, AgentTokenRef, ProposalRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, by_ref
from stellary.core.agents.row_types import AgentMissionRow, AgentRow, NamedTokenRow, ProposalRow
from stellary.core.agents.rows import MISSION
from stellary.core.agents.tables import agent_tokens, agents, missions, proposals
from stellary.core.board.access import in_project_of

_AGENT = Link("Agent", agents, "agent_id", agents.c.workspace_id == WORKSPACE_ID)

agent = AccessCheck(AgentRef, AgentRow, _AGENT, columns=agents.c)
"""The access check for an agent."""

token = AccessCheck(
    AgentTokenRef,
    NamedTokenRow,
    _AGENT,
    Link("Token", agent_tokens, "token_id", agent_tokens.c.agent_id == agents.c.id),
    columns=[*agent_tokens.c, agents.c.name.label("agent_name")],
)
"""The access check for a token of an agent."""

mission = AccessCheck(
    AgentMissionRef,
    AgentMissionRow,
    Link("Mission", missions, "mission_id", missions.c.workspace_id == WORKSPACE_ID),
    in_project_of(missions.c.project_id),
    columns=MISSION,
    author="created_by_id",
    reads_sight=True,
)
"""The access check for a mission of an agent."""

proposal = AccessCheck(
    ProposalRef,
    ProposalRow,
    Link("Proposal", proposals, "proposal_id", proposals.c.workspace_id == WORKSPACE_ID),
    Link(None, missions, within=missions.c.id == proposals.c.mission_id),
    in_project_of(missions.c.project_id),
    columns=proposals.c,
    hides=lambda row, roles: not roles.sight.sees_all(row.named_projects),
)
"""The access check for a change that an agent has proposed."""

ACCESS_BY_REF = by_ref(agent, token, mission, proposal)
