"""Missions: tasks for agents, each on a card. Section Missions of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.agents import AutonomyMode
from stellary.contract.endpoint import acts, creates, lists, reads, streams
from stellary.contract.limits import Id, Length
from stellary.contract.paging import Paged
from stellary.contract.policies import AGENTS_READ, MISSION_AUTHOR, MISSIONS
from stellary.contract.refs import AgentMissionRef, AgentRef
from stellary.contract.streaming import Follow
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

PROMPT_MAX = 10_000
WAITING_MAX = 20
MissionStatus = Literal["queued", "running", "awaiting_approval", "completed", "failed", "cancelled"]
EntryKind = Literal["status", "step", "message", "tool_call", "proposal", "done"]


@value
class MissionProgress(Value):
    """How far a mission is.

    Attributes:
        turns: How often the agent was asked what to do next.
        done: How many of its calls were made, or refused; not those that wait to be decided.
        total: How many calls it has wanted until now.
        percent: 0 to 100, rounded down: ``done`` of ``total``; 100 for a mission that is completed.
        message: What the agent has said last: in a turn, or by ``report_step``.
    """

    turns: int
    done: int
    total: int
    percent: int
    message: str | None


@value
class AgentMission(Value):
    """A task that an agent works on by itself.

    Attributes:
        card_id: What it is about.
        prompt: What is to be done, in words.
        autonomy_mode: That of the agent when the mission began.
        result: What came of it, in words, once it is over.
        error: Why it failed.
        progress: How far it is.
        pending_proposals: How many changes wait to be decided.
        created_by_id: Within whose rights the agent acts.
    """

    id: str
    workspace_id: str
    project_id: str
    agent_id: str
    card_id: str
    prompt: str
    status: MissionStatus
    autonomy_mode: AutonomyMode
    result: str | None
    error: str | None
    progress: MissionProgress
    pending_proposals: int
    created_by_id: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@value
class MissionEntry(Value):
    """Something that has happened in a mission.

    Attributes:
        id: Counts from 1; the next one is always larger.
        kind: ``status`` (``{"status"}``), ``step`` (``{"number"}``), ``message`` (``{"text"}``), ``tool_call`` (``{"tool",
            "params", "outcome", "error"}``), ``proposal`` (``{"proposalId", "action", "summary", "status"}``), and at last
            ``done`` (``{"status", "result", "error"}``).
    """

    id: int
    kind: EntryKind
    data: dict[str, Any]
    created_at: datetime


@request
class CreateAgentMission(Request):
    """A mission to be; 20 at most wait for one card.

    Attributes:
        card_id: A card of the workspace; one mission at a time works on it.
        prompt: What is to be done. The built-in runtime understands plain instructions: ``move to Done``, ``set priority
            high``, ``add checklist: design, build``, ``comment: …``, several of them on lines of their own.
    """

    card_id: Id
    prompt: Annotated[str, Length(1, PROMPT_MAX)]


@request
class ListAgentMissions(Paged):
    """Which missions, newest first.

    Attributes:
        status: Only those.
        card_id: Only those on that card.
    """

    status: MissionStatus | Unset = UNSET
    card_id: Id | Unset = UNSET


@request
class FollowMission(Follow):
    """Where to go on.

    Attributes:
        last_event_id: The id of the last entry that was seen, to get all that came after it. The header ``Last-Event-ID``
            says the same, and comes first. Without either, all of the mission is told from its beginning.
    """


CREATE_MISSION = creates(
    "agent_missions.create",
    AgentRef,
    "missions",
    summary="Give an agent a task on a card. It works on it by itself, within the rights of whoever asks.",
    takes=CreateAgentMission,
    returns=AgentMission,
    policy=MISSIONS,
)
LIST_MISSIONS = lists(
    "agent_missions.list",
    AgentRef,
    "missions",
    summary="List the missions of an agent, newest first.",
    takes=ListAgentMissions,
    item=AgentMission,
    policy=AGENTS_READ,
)
GET_MISSION = reads(
    "agent_missions.get",
    AgentMissionRef,
    summary="One mission, and how far it is.",
    returns=AgentMission,
    policy=AGENTS_READ,
)
CANCEL_MISSION = acts(
    "agent_missions.cancel",
    AgentMissionRef,
    "cancel",
    summary="Cancel a mission; what it has proposed is rejected. Whoever has asked for it, or a workspace admin.",
    returns=AgentMission,
    policy=MISSION_AUTHOR,
)

FOLLOW_MISSION = streams(
    "agent_missions.events",
    AgentMissionRef,
    "events",
    summary="Follow a mission: each entry of its log as an event of its kind, until ``done``.",
    takes=FollowMission,
    item=MissionEntry,
    policy=AGENTS_READ,
)

ENDPOINTS = (CREATE_MISSION, LIST_MISSIONS, GET_MISSION, CANCEL_MISSION, FOLLOW_MISSION)
