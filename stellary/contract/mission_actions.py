"""Missions by name: the params of what people ask of agents by proxy, and of what a program does that is one."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.actions import CardParams, Said
from stellary.contract.agent_missions import PROMPT_MAX, AgentMission
from stellary.contract.agents import Agent
from stellary.contract.endpoint import acts
from stellary.contract.limits import Id, Length
from stellary.contract.policies import MISSION_WORK
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Request, Value, request, value

ReportText = Annotated[str, Length(1, 2000)]


@request
class AgentParams(Request):
    """An agent.

    Attributes:
        agent: Its id, slug or name.
    """

    agent: Said


@request
class RunMissionParams(CardParams):
    """A card, and what an agent is to do about it.

    Attributes:
        agent: By id, slug or name.
        prompt: What is to be done.
    """

    agent: Said
    prompt: Annotated[str, Length(1, PROMPT_MAX)]


@request
class MissionParams(Request):
    """A mission."""

    mission_id: Id


@request
class ReportStepParams(MissionParams):
    """A mission at work, and how far it is; the card gets it as a comment."""

    text: ReportText


@request
class CompleteMissionParams(MissionParams):
    """A mission at work, and what came of it; the card gets it as a comment."""

    summary: ReportText


@request
class FailMissionParams(MissionParams):
    """A mission at work, and why it cannot be done; the card gets it as a comment."""

    reason: ReportText


@value
class AgentAtWork(Value):
    """An agent, and the missions that it works on or that wait for it, oldest first."""

    agent: Agent
    missions: list[AgentMission]


# What is done by name alone: an agent's program comes for its missions, and says what becomes of them.
CLAIM_MISSION = acts(
    "agent_missions.claim",
    WorkspaceRef,
    "missions/claim",
    summary="Take the mission that has waited longest.",
    returns=AgentMission,
    policy=MISSION_WORK,
)
REPORT_MISSION = acts(
    "agent_missions.report",
    WorkspaceRef,
    "missions/report",
    summary="Say what becomes of a mission.",
    returns=AgentMission,
    policy=MISSION_WORK,
)
