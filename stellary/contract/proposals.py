"""Proposals: what agents want to change, and people decide. Section Proposals of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import acts, lists
from stellary.contract.limits import Length
from stellary.contract.paging import Paged
from stellary.contract.policies import AGENTS_READ, DECIDE
from stellary.contract.refs import AgentMissionRef, ProposalRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

ProposalStatus = Literal["pending", "approved", "rejected"]


@value
class Proposal(Value):
    """A change that an agent wants to make, and that waits for somebody to decide.

    Attributes:
        mission_id: For which mission; None for what came with a token of the agent's.
        action: The name of the action, or the operation of the API: ``move_card``, ``cards.update``.
        params: Of the action; of an operation its ``path`` and ``body``.
        summary: What it is in a sentence.
        status: In a mission of mode ``approval``, an ``approved`` change is made once the last proposal of the mission
            is decided; until then it can still be rejected.
        reason: Why it was rejected, if somebody said so.
        decided_by_id: Who has approved or rejected it.
        result: What the change has answered once it was approved.
    """

    id: str
    workspace_id: str
    agent_id: str
    mission_id: str | None
    action: str
    params: dict[str, Any]
    summary: str
    status: ProposalStatus
    reason: str | None
    decided_by_id: str | None
    decided_at: datetime | None
    result: Any
    created_at: datetime


@request
class ListProposals(Paged):
    """Which proposals.

    Attributes:
        status: Only those; all if not given.
    """

    status: ProposalStatus | Unset = UNSET


@request
class RejectProposal(Request):
    """Why not.

    Attributes:
        reason: At most 1000 characters; the agent is told.
    """

    reason: Annotated[str, Length(0, 1000)] | None = None


LIST_PROPOSALS = lists(
    "proposals.list",
    WorkspaceRef,
    "proposals",
    summary="List what the agents of a workspace have proposed, oldest first.",
    takes=ListProposals,
    item=Proposal,
    policy=AGENTS_READ,
)
LIST_MISSION_PROPOSALS = lists(
    "agent_missions.list_proposals",
    AgentMissionRef,
    "proposals",
    summary="List what was proposed in a mission, oldest first.",
    takes=Paged,
    item=Proposal,
    policy=AGENTS_READ,
)
APPROVE_PROPOSAL = acts(
    "proposals.approve",
    ProposalRef,
    "approve",
    summary="Approve a proposal: the change is made, within the rights of whoever approves. A person alone may.",
    returns=Proposal,
    policy=DECIDE,
)
REJECT_PROPOSAL = acts(
    "proposals.reject",
    ProposalRef,
    "reject",
    summary="Reject a proposal: nothing is changed, and the agent is told why. A person alone may.",
    takes=RejectProposal,
    returns=Proposal,
    policy=DECIDE,
)
APPROVE_ALL = acts(
    "agent_missions.approve_all",
    AgentMissionRef,
    "proposals/approve",
    summary="Approve all that a mission has proposed: all of it is done, or nothing. A person alone may.",
    returns=list[Proposal],
    policy=DECIDE,
)
REJECT_ALL = acts(
    "agent_missions.reject_all",
    AgentMissionRef,
    "proposals/reject",
    summary="Reject all that a mission has proposed. A person alone may.",
    takes=RejectProposal,
    returns=list[Proposal],
    policy=DECIDE,
)

ENDPOINTS = (
    LIST_PROPOSALS,
    LIST_MISSION_PROPOSALS,
    APPROVE_PROPOSAL,
    REJECT_PROPOSAL,
    APPROVE_ALL,
    REJECT_ALL,
)
