"""Proposals: changes that agents request and people approve or reject. Section Proposals of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Collection, acts, lists
from stellary.contract.limits import Length
from stellary.contract.policies import AGENTS_READ, DECIDE
from stellary.contract.refs import AgentMissionRef, ProposalRef, WorkspaceRef
from stellary.contract.wire import UNSET, Paged, RecordedItem, Request, Unset

ProposalStatus = Literal["pending", "approved", "rejected"]


class Proposal(RecordedItem):
    """A change that an agent requests and that waits for a decision.

    Attributes:
        mission_id: The mission it is part of; None for a call with one of the agent's own tokens.
        action: The name of the action, or of the API operation: ``move_card``, ``cards.update``.
        params: The parameters of the action, with ids in place of names; for an API operation its ``path`` and ``body``.
        summary: The change in words: each field before and after, with the name and the id of each item. At most 500
            characters of Markdown.
        status: In a mission in ``approval`` mode, an ``approved`` change is executed when the last proposal of the
            mission is decided. Until then it can still be rejected.
        reason: The reason of the rejection, if one was given.
        decided_by_id: The id of the user who approved or rejected it.
        result: The result of the change after it was approved and executed.
    """

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


class ListProposals(Paged):
    """Filters for the list of proposals.

    Attributes:
        status: Only proposals with this status. Default: all.
    """

    status: ProposalStatus | Unset = UNSET


class RejectProposal(Request):
    """The reason of a rejection.

    Attributes:
        reason: At most 1000 characters; passed on to the agent.
    """

    reason: Annotated[str, Length(0, 1000)] | None = None


_PROPOSALS = Collection(WorkspaceRef, "proposals", ProposalRef, Proposal)

LIST_PROPOSALS = _PROPOSALS.lists(
    "proposals.list",
    summary="List the proposals of all agents of a workspace, oldest first.",
    takes=ListProposals,
    policy=AGENTS_READ,
)
LIST_MISSION_PROPOSALS = lists(
    "agent_missions.list_proposals",
    AgentMissionRef,
    "proposals",
    summary="List the proposals of a mission, oldest first.",
    item=Proposal,
    policy=AGENTS_READ,
)
APPROVE_PROPOSAL = _PROPOSALS.acts(
    "proposals.approve",
    "approve",
    summary="Approve a proposal. The change is executed with the caller's rights.",
    policy=DECIDE,
)
REJECT_PROPOSAL = _PROPOSALS.acts(
    "proposals.reject",
    "reject",
    summary="Reject a proposal. Nothing is changed, and the agent receives the reason.",
    takes=RejectProposal,
    policy=DECIDE,
)
APPROVE_ALL = acts(
    "agent_missions.approve_all",
    AgentMissionRef,
    "proposals/approve",
    summary="Approve all proposals of a mission, in one transaction: all of them or none.",
    returns=list[Proposal],
    policy=DECIDE,
)
REJECT_ALL = acts(
    "agent_missions.reject_all",
    AgentMissionRef,
    "proposals/reject",
    summary="Reject all proposals of a mission.",
    takes=RejectProposal,
    returns=list[Proposal],
    policy=DECIDE,
)
