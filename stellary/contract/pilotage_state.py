"""The state of pilotage: everything at a glance, for people and for agents. Section Pilotage of the API reference."""

from __future__ import annotations

from typing import Literal

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.activities import Activity
from stellary.contract.endpoint import reads
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.policies import PILOTAGE_READ
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.refs import WorkspaceRef
from stellary.contract.roles import PilotageRole
from stellary.contract.wire import Request, Value, request, value

CONTRACT_VERSION = 7
DETAILS_MAX = 100
StateProfile = Literal["pilotage", "execution", "revue"]
StateIntent = Literal["weekly_review", "daily_execution", "sprint_planning", "context_only"]
DetailLevel = Literal["minimal", "standard", "detailed"]


@value
class PilotageCounts(Value):
    """How much there is of what the profile shows, and how many proposed actions wait.

    Attributes:
        suggested_actions: Those to be reviewed.
        approved_actions: Those to be applied.
    """

    missions: int
    active_priorities: int
    todos: int
    decisions: int
    active_docs: int
    suggested_actions: int
    approved_actions: int


@value
class PilotageIds(Value):
    """The ids of what the profile shows, in the order of the intent."""

    missions: list[str]
    active_priorities: list[str]
    todos: list[str]
    decisions: list[str]
    active_docs: list[str]


@value
class UsageContext(Value):
    """For what the state was asked.

    Attributes:
        role: The caller's in pilotage, as it holds.
    """

    profile: StateProfile
    role: PilotageRole
    intent: StateIntent
    detail_level: DetailLevel


@value
class PilotageState(Value):
    """The state of a workspace's pilotage.

    Attributes:
        cycle: What the workspace calls its current cycle: ``v1`` until it is renamed.
        missions, active_priorities, todos, decisions, active_docs: What the profile shows, in the order of the intent;
            empty where the detail level is ``minimal``.
        ids: Of all these, where the detail level is ``minimal``; else None.
        traces: The proposed actions and what became of them, the last hundred, newest first; where the detail level
            is ``detailed``.
        history: What has happened in pilotage, the last hundred times, newest first; where the detail level is
            ``detailed``.
    """

    cycle: str
    contract_version: int
    missions: list[Mission]
    active_priorities: list[PilotagePriority]
    todos: list[Todo]
    decisions: list[Decision]
    active_docs: list[ActiveDoc]
    counts: PilotageCounts
    ids: PilotageIds | None
    traces: list[ProposedAction]
    history: list[Activity]
    usage_context: UsageContext


@request
class GetState(Request):
    """What to show, and for what.

    Attributes:
        profile: ``pilotage`` shows all; ``execution`` the todos and the running missions; ``revue`` the decisions, and
            the missions and todos that are done.
        intent: In which order: what was done or is in the way first (``weekly_review``), what is being worked on
            (``daily_execution``), what is to be begun (``sprint_planning``), or as it was made (``context_only``).
        detail_level: ``minimal`` tells counts and ids, ``standard`` the things themselves, ``detailed`` what has
            happened too.
    """

    profile: StateProfile = "pilotage"
    intent: StateIntent = "weekly_review"
    detail_level: DetailLevel = "standard"


GET_STATE = reads(
    "pilotage.state",
    WorkspaceRef,
    "pilotage/state",
    summary="The state of a workspace's pilotage: missions, priorities, todos, decisions, documents.",
    takes=GetState,
    returns=PilotageState,
    policy=PILOTAGE_READ,
)

ENDPOINTS = (GET_STATE,)
