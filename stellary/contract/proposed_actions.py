"""Proposed actions: what somebody, or an AI, suggests; reviewed by people, then applied. Section Proposed Actions of the
API reference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import acts, creates, lists, reads
from stellary.contract.limits import Length
from stellary.contract.paging import Paged
from stellary.contract.pilotage import Reason
from stellary.contract.policies import PILOTAGE_APPLY, PILOTAGE_PROPOSE, PILOTAGE_READ, PILOTAGE_REVIEW
from stellary.contract.refs import ProposedActionRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

ProposedActionStatus = Literal["suggested", "approved", "rejected", "applied"]


@value
class ProposedAction(Value):
    """An action that was proposed: suggested, then approved or rejected, and applied if approved.

    Attributes:
        id: ``act-001``.
        action_type: The name of an action: ``move_card``.
        payload: Its params.
        problem: Why it could not be applied as it stands, as far as that shows without looking anything up; None if
            nothing shows, or nothing will be applied any more.
        reviewed_by_id: Who has approved or rejected it. Approved, it is applied with that person's rights.
        applied_by_id: Who has applied it.
        result: What it has made or changed once it was applied: for ``create_card`` the card. Of a long list, as many
            items as 32 kB hold; None until then.
    """

    id: str
    action_type: str
    explanation: str
    status: ProposedActionStatus
    payload: dict[str, Any]
    problem: str | None
    proposed_by_id: str
    reviewed_by_id: str | None
    review_reason: str | None
    reviewed_at: datetime | None
    applied_by_id: str | None
    applied_at: datetime | None
    result: Any = None
    created_at: datetime
    updated_at: datetime


@request
class ProposeAction(Request):
    """An action to be reviewed.

    Attributes:
        action_type: The name of an action that writes, ``move_card``; 1-100 characters.
        explanation: Why it should be done; 1-500 characters.
        payload: Its params: ``{"cardId": …, "targetColumn": "Done"}``.
    """

    action_type: Annotated[str, Length(1, 100)]
    explanation: Annotated[str, Length(1, 500)]
    payload: dict[str, Any] | Unset | None = UNSET


@request
class ListActions(Paged):
    """Which proposed actions: all, or those of a status."""

    status: ProposedActionStatus | Unset = UNSET


@request
class ReviewAction(Request):
    """What is decided of a proposed action.

    Attributes:
        approved: False rejects it.
        reason: Up to 200 characters.
    """

    approved: bool
    reason: Reason | Unset | None = UNSET


PROPOSE_ACTION = creates(
    "pilotage.propose_action",
    WorkspaceRef,
    "pilotage/actions/propose",
    summary="Propose an action, for a person to review; nothing is done yet.",
    takes=ProposeAction,
    returns=ProposedAction,
    policy=PILOTAGE_PROPOSE,
)
LIST_ACTIONS = lists(
    "pilotage.list_actions",
    WorkspaceRef,
    "pilotage/actions",
    summary="List the actions that were proposed.",
    takes=ListActions,
    item=ProposedAction,
    policy=PILOTAGE_READ,
)
GET_ACTION = reads(
    "pilotage.get_action",
    ProposedActionRef,
    summary="One proposed action.",
    returns=ProposedAction,
    policy=PILOTAGE_READ,
)
REVIEW_ACTION = acts(
    "pilotage.review_action",
    ProposedActionRef,
    "review",
    summary="Approve or reject a suggested action, once. Whoever approves it lends it their rights.",
    takes=ReviewAction,
    returns=ProposedAction,
    policy=PILOTAGE_REVIEW,
)
APPLY_ACTION = acts(
    "pilotage.apply_action",
    ProposedActionRef,
    "apply",
    summary="Apply an approved action, once, with the rights of whoever approved it: all of it or nothing.",
    returns=ProposedAction,
    policy=PILOTAGE_APPLY,
)

ENDPOINTS = (PROPOSE_ACTION, LIST_ACTIONS, GET_ACTION, REVIEW_ACTION, APPLY_ACTION)
