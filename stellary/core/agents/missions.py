"""Missions: asked for, listed, cancelled; and how they begin and end. Section Missions of the API reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, bindparam, exists, func, select, update
from sqlalchemy import insert as inserting
from sqlalchemy.exc import IntegrityError

from stellary.contract.agent_missions import (
    CANCEL_MISSION,
    CREATE_MISSION,
    GET_MISSION,
    LIST_MISSIONS,
    WAITING_MAX,
    AgentMission,
    CreateAgentMission,
    ListAgentMissions,
    MissionStatus,
)
from stellary.contract.errors import Conflict
from stellary.contract.paging import Listing
from stellary.contract.refs import AgentMissionRef, AgentRef
from stellary.contract.unset import UNSET
from stellary.core.agents import access, mission_log, rows
from stellary.core.agents.rules.missions import progress
from stellary.core.agents.tables import agents, missions, proposals
from stellary.core.board.card_references import card_of_workspace
from stellary.core.board.filters import check_in_workspace
from stellary.core.board.rules.references import unknown
from stellary.core.kernel import jobs
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import NOBODY, UnitOfWork, serves
from stellary.core.kernel.units import Units

RUN = "agents.run"
AT_WORK = ("running", "awaiting_approval")
ACTIVE = ("queued", *AT_WORK)
ENDED = {
    "completed": "the mission has ended",
    "failed": "the mission has failed",
    "cancelled": "the mission was cancelled",
}

_THIS = missions.c.id == bindparam("_id")
_ON_CARD = missions.c.card_id == bindparam("_card_id")
_OF_AGENT = missions.c.agent_id == bindparam("_agent_id")
_MISSIONS: Select[Any] = select(*rows.MISSION).where(_OF_AGENT)
_BY_STATUS = missions.c.status == bindparam("_status")


def _pages(*conditions: Any) -> Pages:
    return Pages(_MISSIONS.where(*conditions), missions.c.id, newest_first=True)


_LISTS = {
    (False, False): _pages(),
    (True, False): _pages(_BY_STATUS),
    (False, True): _pages(_ON_CARD),
    (True, True): _pages(_BY_STATUS, _ON_CARD),
}
_INSERT = inserting(missions)
_ONE = select(*rows.MISSION).where(_THIS)
_HOLD: Select[Any] = select(missions).where(_THIS).with_for_update(key_share=True)
_WAITING = select(func.count()).select_from(missions).where(_ON_CARD, missions.c.status.in_(ACTIVE))
_NEXT = (
    select(missions.c.id)
    .join_from(missions, agents, agents.c.id == missions.c.agent_id)
    .where(_ON_CARD, missions.c.status == "queued", agents.c.runtime != "external")
    .order_by(missions.c.id)
    .limit(1)
)
_other = missions.alias("other")
_CARD_IS_FREE = ~exists().where(_other.c.card_id == missions.c.card_id, _other.c.status.in_(AT_WORK))
_BEGIN = (
    update(missions)
    .where(
        _THIS,
        missions.c.status == "queued",
        _CARD_IS_FREE,
    )
    .values(status="running", started_at=bindparam("_now"), step=missions.c.step + 1)
)
_WAITS = select(missions.c.id).where(_OF_AGENT, missions.c.status == "queued", _CARD_IS_FREE).limit(1)
_END = (
    update(missions)
    .where(_THIS, missions.c.status.in_(bindparam("_from", expanding=True)))
    .values(
        status=bindparam("_to"),
        result=bindparam("_result"),
        error=bindparam("_error"),
        finished_at=bindparam("_now"),
        step=missions.c.step + 1,
    )
    .returning(missions.c.card_id, missions.c.autonomy_mode)
)
_REJECT_OPEN = (
    update(proposals)
    .where(
        proposals.c.mission_id == bindparam("_id"), proposals.c.status.in_(bindparam("_open", expanding=True))
    )
    .values(
        status="rejected",
        reason=bindparam("_reason"),
        decided_by_id=bindparam("_user_id"),
        decided_at=bindparam("_now"),
    )
    .returning(proposals.c.id, proposals.c.action, proposals.c.summary)
)
_RUNTIME = select(agents.c.runtime).where(agents.c.id == bindparam("_agent_id"))
_WAKE = (
    select(missions.c.id)
    .where(_OF_AGENT, missions.c.status.in_(("queued", "running")))
    .order_by(missions.c.id)
)


@serves(CREATE_MISSION)
def create_mission(uow: UnitOfWork, ref: AgentRef, request: CreateAgentMission) -> AgentMission:
    """Give an agent a task on a card.

    Raises:
        Invalid: There is no such card in the workspace.
        Conflict: The agent is suspended or does not work in that project, or too much waits for the card.
    """
    agent = access.agent(uow, ref).row
    project_id = card_of_workspace(uow, agent.workspace_id, request.card_id)
    if project_id is None:
        raise unknown("cardId")
    if agent.status != "active":
        raise Conflict("the agent is suspended", code="agent_suspended")
    if agent.project_ids is not None and project_id not in agent.project_ids:
        raise Conflict("the agent does not work in the card's project", code="outside_projects")
    if uow.connection.execute(_WAITING, {"_card_id": request.card_id}).scalar_one() >= WAITING_MAX:
        raise Conflict(f"{WAITING_MAX} missions wait for the card already", code="missions_full")
    row = {
        "id": uow.new_id(),
        "workspace_id": agent.workspace_id,
        "project_id": project_id,
        "agent_id": agent.id,
        "card_id": request.card_id,
        "prompt": request.prompt,
        "status": "queued",
        "autonomy_mode": agent.autonomy_mode,
        "result": None,
        "error": None,
        "created_by_id": uow.user_id,
        "created_at": uow.now,
        "started_at": None,
        "finished_at": None,
    }
    hidden: dict[str, Any] = {"step": 0, "history": None, "calls": [], "turns": 0, "last_entry": 0}
    uow.connection.execute(_INSERT, {**row, **hidden})
    mission_log.write(uow, row["id"], ("status", {"status": "queued"}))
    if agent.runtime != "external":
        enqueue(uow, row["id"])
    return AgentMission(progress=progress("queued", 0, 0, 0, 0, None), pending_proposals=0, **row)


@serves(LIST_MISSIONS)
def list_missions(uow: UnitOfWork, ref: AgentRef, request: ListAgentMissions) -> Listing[AgentMission]:
    """The missions of an agent, newest first."""
    agent = access.agent(uow, ref).row
    named: dict[str, Any] = {}
    if request.status is not UNSET:
        named["_status"] = request.status
    if request.card_id is not UNSET:
        named["_card_id"] = request.card_id
    pages = _LISTS["_status" in named, "_card_id" in named]
    found = pages.fetch(uow, request, rows.mission, _agent_id=agent.id, **named)
    if not found.items and request.card_id is not UNSET:
        check_in_workspace(uow, agent.workspace_id, "cardId", request.card_id)
    return found


@serves(GET_MISSION)
def get_mission(uow: UnitOfWork, ref: AgentMissionRef) -> AgentMission:
    """One mission."""
    return rows.mission(access.mission(uow, ref).row)


@serves(CANCEL_MISSION)
def cancel_mission(uow: UnitOfWork, ref: AgentMissionRef) -> AgentMission:
    """Cancel a mission, whatever it is doing: what it does at this moment is undone, or was done before.

    Raises:
        Conflict: It is over.
    """
    mission = access.mission(uow, ref).row
    if not cancel(uow, mission.id, uow.user_id):
        raise over()
    return read(uow, mission.id)


def over() -> Conflict:
    """The 409 of a mission that has ended."""
    return Conflict("the mission is over", code="mission_over")


def cancel(uow: UnitOfWork, mission_id: str, user_id: str, why: str | None = None) -> bool:
    """Cancel a mission, and reject what it has proposed; False if it is over."""
    return end(uow, mission_id, "cancelled", ACTIVE, error=why, decided_by_id=user_id)


def end(
    uow: UnitOfWork,
    mission_id: str,
    status: MissionStatus,
    before: Sequence[str],
    *,
    result: str | None = None,
    error: str | None = None,
    decided_by_id: str | None = None,
) -> bool:
    """End a mission, and let the next one begin that waits for the card.

    Args:
        uow: The unit.
        mission_id: Which one.
        status: What it ends as.
        before: What it must be; otherwise nothing is done.
        result, error: What came of it.
        decided_by_id: Who has ended it, and thereby rejected what it has proposed.

    Returns:
        Whether it was ended.
    """
    values = {"_id": mission_id, "_from": list(before), "_to": status, "_now": uow.now}
    ended = uow.connection.execute(_END, {**values, "_result": result, "_error": error}).first()
    if ended is None:
        return False
    decided: dict[str, Any] = {
        "_id": mission_id,
        "_user_id": decided_by_id,
        "_now": uow.now,
        "_reason": ENDED[status],
    }
    # What is approved of a batch is carried out as the mission is completed, and not before.
    undone = ended.autonomy_mode == "approval" and status != "completed"
    decided["_open"] = ["pending", "approved"] if undone else ["pending"]
    rejected = uow.connection.execute(_REJECT_OPEN, decided).fetchall()
    mission_log.write(
        uow,
        mission_id,
        *(("proposal", told(row, "rejected")) for row in rejected),
        ("status", {"status": status}),
        ("done", {"status": status, "result": result, "error": error}),
    )
    following = uow.connection.execute(_NEXT, {"_card_id": ended.card_id}).scalar()
    if following is not None:
        enqueue(uow, following)
    return True


def told(proposal: Any, status: str) -> dict[str, Any]:
    """A proposal as the log tells of it."""
    return {
        "proposalId": proposal.id,
        "action": proposal.action,
        "summary": proposal.summary,
        "status": status,
    }


def begin(uow: UnitOfWork, mission_id: str) -> bool:
    """Begin with a mission that waits; False if it does not, or another one is at work on its card."""
    try:
        with uow.connection.begin_nested():
            begun = uow.connection.execute(_BEGIN, {"_id": mission_id, "_now": uow.now}).rowcount
    except IntegrityError:
        # On PostgreSQL two may believe that nobody is at work: the index knows better.
        return False
    if begun:
        mission_log.write(uow, mission_id, ("status", {"status": "running"}))
    return bool(begun)


def waits(units: Units, agent_id: str) -> bool:
    """Whether an agent has a mission that can be begun at this moment."""
    with units.read(NOBODY) as uow:
        return bool(uow.connection.execute(_WAITS, {"_agent_id": agent_id}).scalar())


def held(uow: UnitOfWork, mission_id: str) -> Row[Any] | None:
    """A mission as it is by now, which nobody else changes until the unit ends; None if it is gone."""
    return uow.connection.execute(_HOLD, {"_id": mission_id}).first()


def row(uow: UnitOfWork, mission_id: str) -> Row[Any]:
    """A mission that is there, with what ``rows.mission`` wants to know."""
    return uow.connection.execute(_ONE, {"_id": mission_id}).one()


def read(uow: UnitOfWork, mission_id: str) -> AgentMission:
    """A mission that is there."""
    return rows.mission(row(uow, mission_id))


def is_external(uow: UnitOfWork, agent_id: str) -> bool:
    """Whether a program outside works on an agent's missions."""
    runtime = uow.connection.execute(_RUNTIME, {"_agent_id": agent_id}).scalar_one()
    return bool(runtime == "external")


def enqueue(uow: UnitOfWork, mission_id: str, due_at: Any = None) -> None:
    """Have a mission worked on."""
    jobs.enqueue(uow, RUN, {"missionId": mission_id}, due_at=due_at)


def wake(uow: UnitOfWork, agent_id: str) -> None:
    """Have all missions worked on again that an agent has left lying when it was suspended, or somebody else's."""
    for mission_id in uow.connection.execute(_WAKE, {"_agent_id": agent_id}).scalars().all():
        enqueue(uow, mission_id)
