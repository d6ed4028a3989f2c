"""Proposed actions: changes suggested by users or AI agents, reviewed by people, then applied.

Section Proposed Actions of the API reference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Collection, creates
from stellary.contract.limits import Length
from stellary.contract.pilotage import Reason
from stellary.contract.policies import PILOTAGE_APPLY, PILOTAGE_PROPOSE, PILOTAGE_READ, PILOTAGE_REVIEW
from stellary.contract.refs import ProposedActionRef, WorkspaceRef
from stellary.contract.wire import UNSET, Paged, Request, Unset, Value

ProposedActionStatus = Literal["suggested", "approved", "rejected", "applied"]

ReferenceKind = Literal[
    "project",
    "scope",
    "column",
    "label",
    "custom_field",
    "person",
    "card",
    "document",
    "mission",
    "priority",
    "todo",
]


class ActionReference(Value):
    """An item that a rule or a proposed action needs.

    Attributes:
        kind: The kind of the item; ``person`` for an agent, too.
        id: The id of the item.
        name: Its present name; of a deleted item the last one. An item that you do not see is ``a hidden card``.
        missing: Whether it was deleted, or has left the workspace.
    """

    kind: ReferenceKind
    id: str
    name: str
    missing: bool


class ProposedAction(Value):
    """A proposed action: first suggested, then approved or rejected; applied if approved.

    Attributes:
        id: ``act-001``.
        action_type: The name of an action: ``move_card``.
        payload: The action's parameters, as they were proposed.
        references: The items that the payload named when the action was proposed. Another item that gets one of these names
            does not take their place.
        problem: Why the action cannot be applied, because of its parameters or because an item was deleted; such an action
            cannot be approved. None if there is no problem, or if the action is applied or rejected.
        reviewed_by_id: The id of the user who approved or rejected it. An approved action is applied with this user's
            rights.
        applied_by_id: The id of the user who applied it.
        result: The item that the applied action created or changed: for ``create_card`` the card. A long list is cut to
            the items that fit in 32 kB. None until the action is applied.
    """

    id: str
    action_type: str
    explanation: str
    status: ProposedActionStatus
    payload: dict[str, Any]
    references: list[ActionReference]
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


class ProposeAction(Request):
    """The fields of a proposed action.

    Attributes:
        action_type: The name of an action that makes changes, such as ``move_card``; 1-100 characters.
        explanation: Why the action should be applied; 1-500 characters.
        payload: The action's parameters: ``{"cardId": …, "targetColumn": "Done"}``.
    """

    action_type: Annotated[str, Length(1, 100)]
    explanation: Annotated[str, Length(1, 500)]
    payload: dict[str, Any] | Unset | None = UNSET


class ListActions(Paged):
    """Filters for the list of proposed actions."""

    status: ProposedActionStatus | Unset = UNSET


class ReviewAction(Request):
    """The decision on a proposed action.

    Attributes:
        approved: True to approve, false to reject.
        reason: At most 200 characters.
    """

    approved: bool
    reason: Reason | Unset | None = UNSET


_ACTIONS = Collection(WorkspaceRef, "pilotage/actions", ProposedActionRef, ProposedAction)
PROPOSE_ACTION = creates(
    "pilotage.propose_action",
    WorkspaceRef,
    "pilotage/actions/propose",
    summary="Submit an action for human review. Nothing is changed until it is approved and applied.",
    takes=ProposeAction,
    returns=ProposedAction,
    policy=PILOTAGE_PROPOSE,
)
LIST_ACTIONS = _ACTIONS.lists(
    "pilotage.list_actions",
    summary="List proposed actions, optionally filtered by status.",
    takes=ListActions,
    policy=PILOTAGE_READ,
)
GET_ACTION = _ACTIONS.reads(
    "pilotage.get_action",
    summary="Get a proposed action.",
    policy=PILOTAGE_READ,
)
REVIEW_ACTION = _ACTIONS.acts(
    "pilotage.review_action",
    "review",
    summary="Approve or reject a suggested action, once. An approved action is applied with the reviewer's rights.",
    takes=ReviewAction,
    policy=PILOTAGE_REVIEW,
)
APPLY_ACTION = _ACTIONS.acts(
    "pilotage.apply_action",
    "apply",
    summary="Apply an approved action, once, in one transaction and with the rights of the user who approved it.",
    policy=PILOTAGE_APPLY,
)
