"""Pilotage state: the missions, priorities, todos, decisions and documents of a workspace in one response.

Section Pilotage of the API reference.
"""

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
from stellary.contract.wire import Request, Value

CONTRACT_VERSION = 7
DETAILS_MAX = 100
StateProfile = Literal["pilotage", "execution", "revue"]
StateIntent = Literal["weekly_review", "daily_execution", "sprint_planning", "context_only"]
DetailLevel = Literal["minimal", "standard", "detailed"]


class PilotageCounts(Value):
    """The numbers of items that the profile shows, and of proposed actions that are pending.

    Attributes:
        suggested_actions: Proposed actions to review.
        approved_actions: Proposed actions to apply.
    """

    missions: int
    active_priorities: int
    todos: int
    decisions: int
    active_docs: int
    suggested_actions: int
    approved_actions: int


class PilotageIds(Value):
    """The ids of the items that the profile shows, ordered by the intent."""

    missions: list[str]
    active_priorities: list[str]
    todos: list[str]
    decisions: list[str]
    active_docs: list[str]


class UsageContext(Value):
    """The parameters that the state was requested with.

    Attributes:
        role: The caller's effective pilotage role.
    """

    profile: StateProfile
    role: PilotageRole
    intent: StateIntent
    detail_level: DetailLevel


class PilotageState(Value):
    """The pilotage state of a workspace.

    Attributes:
        cycle: The name of the workspace's current cycle; ``v1`` until it is changed.
        missions, active_priorities, todos, decisions, active_docs: The items that the profile shows, ordered by the
            intent. Empty if the detail level is ``minimal``.
        ids: The ids of these items if the detail level is ``minimal``; else None.
        traces: The latest 100 proposed actions with their outcome, newest first. Empty unless the detail level is
            ``detailed``.
        history: The latest 100 pilotage activities, newest first. Empty unless the detail level is ``detailed``.
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


class GetState(Request):
    """Options for the pilotage state.

    Attributes:
        profile: ``pilotage`` shows everything; ``execution`` the todos and the running missions; ``revue`` the
            decisions, and completed missions and todos.
        intent: The order of the items: completed and blocked ones first (``weekly_review``), ones in progress first
            (``daily_execution``), ones not yet started first (``sprint_planning``), or by creation (``context_only``).
        detail_level: ``minimal`` returns counts and ids, ``standard`` the items themselves, ``detailed`` also the
            history.
    """

    profile: StateProfile = "pilotage"
    intent: StateIntent = "weekly_review"
    detail_level: DetailLevel = "standard"


GET_STATE = reads(
    "pilotage.state",
    WorkspaceRef,
    "pilotage/state",
    summary="Get the pilotage state of a workspace: missions, priorities, todos, decisions and documents.",
    takes=GetState,
    returns=PilotageState,
    policy=PILOTAGE_READ,
)
