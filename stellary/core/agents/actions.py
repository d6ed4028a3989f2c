"""Actions on missions, agents and proposals, for people and for the programs of agents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from stellary.contract.actions import (
    CLAIM_MISSION,
    REPORT_MISSION,
    AgentAtWork,
    AgentParams,
    CompleteMissionParams,
    FailMissionParams,
    MissionParams,
    ReportStepParams,
    RunMissionParams,
)
from stellary.contract.agent_missions import (
    CREATE_MISSION,
    GET_MISSION,
    WAITING_MAX,
    AgentMission,
    CreateAgentMission,
    ListAgentMissions,
)
from stellary.contract.agents import GET_AGENT
from stellary.contract.comments import CreateComment
from stellary.contract.endpoint import Nothing
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.proposals import LIST_PROPOSALS, ListProposals, Proposal
from stellary.contract.refs import AgentMissionRef, AgentRef, CardRef, WorkspaceRef
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access as accounts_access
from stellary.core.agents import access, agents, external_mission_timeout, mission_log, missions, proposals
from stellary.core.agents.row_types import StoredMissionRow
from stellary.core.agents.tables import agents as table
from stellary.core.agents.tables import missions as missions_table
from stellary.core.board import comments, resolve_names
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.db.base import is_given
from stellary.core.kernel.actions import ActionList
from stellary.core.kernel.unit import AgentLimits, UnitOfWork

_AGENTS: Select[Any] = select(table.c.id, table.c.name, table.c.slug).where(is_given(table.c.workspace_id))
_QUEUE = (
    select(missions_table.c.id)
    .where(is_given(missions_table.c.agent_id), missions_table.c.status == "queued")
    .order_by(missions_table.c.id)
    .limit(WAITING_MAX)
)


ACTIONS = ActionList()


@ACTIONS.add("missions", MissionParams, GET_MISSION)
def _get_mission(uow: UnitOfWork, ref: WorkspaceRef, params: MissionParams) -> AgentMission:
    """Read a mission of an agent."""
    resolve_names.resolve_workspace(uow, ref)
    return missions.get_mission(uow, ref.child(AgentMissionRef, params.mission_id))


@ACTIONS.add("missions", AgentParams, GET_AGENT)
def _get_agent_status(uow: UnitOfWork, ref: WorkspaceRef, params: AgentParams) -> AgentAtWork:
    """Read an agent, and its running and waiting missions."""
    agent = _resolve_agent(uow, ref, params.agent)
    listing = missions.list_missions(uow, agent, ListAgentMissions())
    active_missions = [mission for mission in listing.items if mission.status in missions.ACTIVE]
    return AgentAtWork(agent=agents.get_agent(uow, agent), missions=active_missions[::-1])


@ACTIONS.add("missions", Paged, LIST_PROPOSALS)
def _list_pending_proposals(uow: UnitOfWork, ref: WorkspaceRef, params: Paged) -> Listing[Proposal]:
    """List the agents' proposals that are not decided yet."""
    resolve_names.resolve_workspace(uow, ref)
    request = ListProposals(status="pending", limit=params.limit, cursor=params.cursor)
    return proposals.list_proposals(uow, ref, request)


@ACTIONS.add("missions", RunMissionParams, CREATE_MISSION)
def _run_mission(uow: UnitOfWork, ref: WorkspaceRef, params: RunMissionParams) -> AgentMission:
    """Give an agent a task on a card."""
    card = resolve_names.resolve_card(uow, ref, params.card_id, params.project_id)
    request = CreateAgentMission(card_id=card.ref.card_id, prompt=params.prompt)
    return missions.create_mission(uow, _resolve_agent(uow, ref, params.agent), request)


def _resolve_agent(uow: UnitOfWork, ref: WorkspaceRef, name_or_id: str) -> AgentRef:
    rows = uow.connection.execute(_AGENTS, {"_workspace_id": resolve_names.resolve_workspace(uow, ref)})
    return ref.child(
        AgentRef, resolve_one(name_or_id, [Candidate(row.id, (row.name, row.slug)) for row in rows], "agent")
    )


# ---------------------------------------------------------------------------------------------- by an agent's program


@ACTIONS.add("missions", Nothing, CLAIM_MISSION)
def _get_next_mission(uow: UnitOfWork, ref: WorkspaceRef, params: Nothing) -> AgentMission | None:
    """Start the agent's oldest waiting mission, and return it; null if none waits."""
    accounts_access.workspace(uow, ref)
    limits = _require_limits(uow)
    if not missions.is_external(uow, limits.agent_id):
        raise _not_external()
    for mission_id in uow.connection.execute(_QUEUE, {"_agent_id": limits.agent_id}).scalars().all():
        if missions.begin_mission(uow, mission_id):
            external_mission_timeout.schedule_check(uow, mission_id)
            return missions.load_mission(uow, mission_id)
    return None


@ACTIONS.add("missions", ReportStepParams, REPORT_MISSION)
def _report_step(uow: UnitOfWork, ref: WorkspaceRef, params: ReportStepParams) -> AgentMission:
    """Report the progress of a mission; the text is posted on the card."""
    mission = _lock_own_mission(uow, ref, params.mission_id)
    mission_log.write(uow, mission.id, ("message", {"text": params.text}))
    card = ref.child(CardRef, mission.project_id, mission.card_id)
    comments.create_comment(uow, card, CreateComment(content=params.text))
    return missions.load_mission(uow, mission.id)


@ACTIONS.add("missions", CompleteMissionParams, REPORT_MISSION)
def _complete_mission(uow: UnitOfWork, ref: WorkspaceRef, params: CompleteMissionParams) -> AgentMission:
    """End a mission with a summary of its result, which is posted on the card."""
    mission = _lock_own_mission(uow, ref, params.mission_id)
    missions.end_mission(uow, mission.id, "completed", missions.STARTED, result=params.summary, posts=True)
    return missions.load_mission(uow, mission.id)


@ACTIONS.add("missions", FailMissionParams, REPORT_MISSION)
def _fail_mission(uow: UnitOfWork, ref: WorkspaceRef, params: FailMissionParams) -> AgentMission:
    """End a mission that cannot be completed, with the reason, which is posted on the card."""
    mission = _lock_own_mission(uow, ref, params.mission_id)
    missions.end_mission(uow, mission.id, "failed", missions.STARTED, error=params.reason, posts=True)
    return missions.load_mission(uow, mission.id)


def _require_limits(uow: UnitOfWork) -> AgentLimits:
    if uow.actor.agent_limits is None:
        raise Forbidden("only an agent can do this, with its own token", code="agents_only")
    return uow.actor.agent_limits


def _lock_own_mission(uow: UnitOfWork, ref: WorkspaceRef, mission_id: str) -> StoredMissionRow:
    """Lock a mission that the calling agent is working on, and return its row.

    Raises:
        Forbidden: The caller is not an agent, or the mission belongs to another agent.
        Conflict: The mission is over, or the server runs the agent's missions.
    """
    limits = _require_limits(uow)
    loaded = access.mission(uow, ref.child(AgentMissionRef, mission_id)).row
    if loaded.agent_id != limits.agent_id:
        raise Forbidden("the mission belongs to another agent", code="other_agent")
    mission = missions.lock_mission(uow, loaded.id)
    if mission is None or mission.status not in missions.STARTED:
        raise missions.mission_over_error()
    if not missions.is_external(uow, limits.agent_id):
        raise _not_external()
    return mission


def _not_external() -> Conflict:
    return Conflict("the server itself runs the missions of this agent", code="not_external")
