"""The caller's work in all workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.cards import Card
from stellary.contract.endpoint import reads
from stellary.contract.notifications import Notification
from stellary.contract.policies import ACCOUNT_FULL
from stellary.contract.refs import Ref
from stellary.contract.wire import Value

CARDS_MAX = 500
ITEMS_MAX = 100


class WaitingItem(Value):
    """Something that waits for the caller's review or approval.

    Attributes:
        kind: A document to review, a suggested action of pilotage, or a proposal of an agent in a mission that the caller started.
        title: The title of the document, the explanation of the action, or the summary of the proposal.
        created_at: Since when it waits.
    """

    kind: Literal["document", "action", "proposal"]
    id: str
    title: str
    workspace_id: str
    created_at: datetime


class Work(Value):
    """The caller's open cards by due date, what waits for the caller, and where the caller was mentioned.

    Attributes:
        overdue: The cards due before today in UTC.
        this_week: The cards due in the six days after today.
        waiting: The items that wait for the caller, oldest first; at most 100.
        mentioned: The notifications with a mention of the caller among the 200 newest ones, newest first.
        is_complete: Whether there are no more than 500 cards and 100 waiting items.
    """

    overdue: list[Card]
    today: list[Card]
    this_week: list[Card]
    waiting: list[WaitingItem]
    mentioned: list[Notification]
    is_complete: bool


GET_WORK = reads(
    "me.work",
    Ref,
    "me/work",
    summary="Get your open cards that are overdue or due within a week, and what waits for you, in all workspaces.",
    returns=Work,
    policy=ACCOUNT_FULL,
)
