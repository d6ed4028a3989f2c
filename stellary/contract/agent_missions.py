"""Missions: tasks for agents, each on a card. Section Missions of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.agents import AutonomyMode
from stellary.contract.endpoint import Collection, streams
from stellary.contract.limits import Id, Length
from stellary.contract.model_usage import ModelUsage
from stellary.contract.policies import AGENTS_READ, MISSION_AUTHOR, MISSIONS
from stellary.contract.refs import AgentMissionRef, AgentRef
from stellary.contract.wire import UNSET, Follow, Paged, Request, Unset, Value

PROMPT_MAX = 10_000
WAITING_MAX = 20
MissionStatus = Literal["queued", "running", "awaiting_approval", "completed", "failed", "cancelled"]
EntryKind = Literal["status", "step", "message", "tool_call", "proposal", "done"]


class MissionProgress(Value):
    """The progress of a mission.

    Attributes:
        turns: The number of times the agent was asked for its next step.
        done: The number of its calls that were executed or refused. Calls that wait for approval do not count.
        total: The number of calls that it has requested so far.
        percent: 0 to 100, rounded down: ``done`` of ``total``; 100 for a completed mission.
        message: The agent's latest message, from a turn or from ``report_step``.
    """

    turns: int
    done: int
    total: int
    percent: int
    message: str | None


class AgentMission(Value):
    """A task that an agent works on independently.

    Attributes:
        card_id: The card that the task is about.
        prompt: The instructions.
        autonomy_mode: The agent's mode when the mission started.
        result: A summary of the outcome; None until the mission has finished. It, ``error`` and ``progress.message`` are
            replaced by a sentence for readers who do not see all projects that the mission has read or changed.
        error: Why the mission failed.
        progress: The progress so far.
        pending_proposals: The number of changes that wait for a decision.
        tools: The number of calls of each tool, by name. Calls that an external program makes are not counted.
        usage: What the language model of the agent has used so far.
        created_by_id: The id of the user who created the mission and whose rights limit the agent's.
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
    tools: dict[str, int]
    usage: ModelUsage
    created_by_id: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class MissionEntry(Value):
    """An entry of a mission's log.

    Attributes:
        id: Increasing integers from 1.
        kind: ``status`` (``{"status"}``), ``step`` (``{"number", "usage"}``, with the
            usage of the mission so far), ``message`` (``{"text"}``), ``tool_call``
            (``{"tool", "params", "outcome", "error"}``), ``proposal`` (``{"proposalId", "action", "summary",
            "status"}``), and finally ``done`` (``{"status", "result", "error"}``).
    """

    id: int
    kind: EntryKind
    data: dict[str, Any]
    created_at: datetime


class CreateAgentMission(Request):
    """The fields of a new mission. At most 20 missions can wait for one card.

    Attributes:
        card_id: A card of the workspace. One mission at a time works on a card.
        prompt: The instructions; 1-10 000 characters. The built-in runtime understands plain instructions: ``move to
            Done``, ``set priority high``, ``add checklist: design, build``, ``comment: …``. It follows all of
            them, or none if it does not understand one.
    """

    card_id: Id
    prompt: Annotated[str, Length(1, PROMPT_MAX)]


class ListAgentMissions(Paged):
    """Filters for the missions of an agent. The newest mission comes first.

    Attributes:
        status: Only missions with this status.
        card_id: Only missions on this card.
    """

    status: MissionStatus | Unset = UNSET
    card_id: Id | Unset = UNSET


class FollowMission(Follow):
    """The position in the log to continue from.

    Attributes:
        last_event_id: The id of the last entry received; the stream continues after it. The header ``Last-Event-ID``
            does the same and takes precedence. Without either, the stream starts at the beginning of the mission.
    """


_MISSIONS = Collection(AgentRef, "missions", AgentMissionRef, AgentMission)
CREATE_MISSION = _MISSIONS.creates(
    "agent_missions.create",
    summary="Create a mission on a card. The agent works on it independently, limited by the caller's rights.",
    takes=CreateAgentMission,
    policy=MISSIONS,
)
LIST_MISSIONS = _MISSIONS.lists(
    "agent_missions.list",
    summary="List the missions of an agent, newest first.",
    takes=ListAgentMissions,
    policy=AGENTS_READ,
)
GET_MISSION = _MISSIONS.reads(
    "agent_missions.get",
    summary="Get a mission and its progress.",
    policy=AGENTS_READ,
)
CANCEL_MISSION = _MISSIONS.acts(
    "agent_missions.cancel",
    "cancel",
    summary="Cancel a mission and reject its proposals.",
    policy=MISSION_AUTHOR,
)

FOLLOW_MISSION = streams(
    "agent_missions.events",
    AgentMissionRef,
    "events",
    summary="Follow a mission: the stream sends each log entry as an event of its kind, and ends with `done`.",
    takes=FollowMission,
    item=MissionEntry,
    policy=AGENTS_READ,
)
