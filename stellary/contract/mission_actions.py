"""Parameters of the actions on missions: for users who start and follow missions, and for programs that work as agents."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.actions import CardParams, IdOrName
from stellary.contract.agent_missions import PROMPT_MAX, AgentMission
from stellary.contract.agents import Agent
from stellary.contract.endpoint import acts
from stellary.contract.limits import Id, Length
from stellary.contract.policies import MISSION_WORK
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Request, Value

ReportText = Annotated[str, Length(1, 2000)]


class AgentParams(Request):
    """An agent.

    Attributes:
        agent: Its id, slug or name.
    """

    agent: IdOrName


class RunMissionParams(CardParams):
    """A card, and the instructions for an agent.

    Attributes:
        agent: The agent's id, slug or name.
        prompt: The instructions; 1-10 000 characters.
    """

    agent: IdOrName
    prompt: Annotated[str, Length(1, PROMPT_MAX)]


class MissionParams(Request):
    """A mission."""

    mission_id: Id


class ReportStepParams(MissionParams):
    """A running mission, and a progress message, which is posted on the card as a comment."""

    text: ReportText


class CompleteMissionParams(MissionParams):
    """A running mission, and a summary of its outcome, which is posted on the card as a comment."""

    summary: ReportText


class FailMissionParams(MissionParams):
    """A running mission, and the reason why it cannot be completed, which is posted on the card as a comment."""

    reason: ReportText


class AgentAtWork(Value):
    """An agent, and its queued and running missions, oldest first."""

    agent: Agent
    missions: list[AgentMission]


# Actions without an endpoint: an agent's program takes missions, and reports their progress and outcome.
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
    summary="Report the progress or outcome of a mission.",
    returns=AgentMission,
    policy=MISSION_WORK,
)
