"""Checklists: the steps within a card. Section Checklists of the API reference."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Length, Named, Place
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ChecklistItemRef, FlatCardRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

CHECKLIST_MAX = 100
ItemTitle = Annotated[str, Length(1, 500)]


@value
class ChecklistItem(Value):
    """One step of a card.

    Attributes:
        order: Its dense place in the list, from 0.
    """

    id: Annotated[str, Named("_id")]
    title: str
    done: bool
    order: int


@value
class ChecklistProgress(Value):
    """How far a checklist is.

    Attributes:
        percent: 0 to 100, rounded down, so that 100 means all; 0 for an empty one.
    """

    done: int
    total: int
    percent: int


@request
class AddChecklistItem(Request):
    """A step to be; a card has 100 at most.

    Attributes:
        title: 1-500 characters.
        checked: Another word for ``done``, which it replaces.
        order: The wanted index, from 0; the end if not given.
    """

    title: ItemTitle
    done: bool = False
    checked: bool | Unset = UNSET
    order: Place | Unset = UNSET


@request
class UpdateChecklistItem(Request):
    """What is not named stays.

    Attributes:
        checked: Another word for ``done``; the two must not contradict each other.
        order: The wanted index, from 0; beyond the end means the end.
    """

    title: ItemTitle | Unset = UNSET
    done: bool | Unset = UNSET
    checked: bool | Unset = UNSET
    order: Place | Unset = UNSET


LIST_CHECKLIST_ITEMS = lists(
    "checklist.list",
    FlatCardRef,
    "checklist",
    summary="List the checklist of a card, in its order.",
    takes=Paged,
    item=ChecklistItem,
    policy=BOARD_READ,
)
ADD_CHECKLIST_ITEM = creates(
    "checklist.add",
    FlatCardRef,
    "checklist",
    summary="Add a step to a card's checklist.",
    takes=AddChecklistItem,
    returns=ChecklistItem,
    policy=BOARD_WRITE,
)
UPDATE_CHECKLIST_ITEM = updates(
    "checklist.update",
    ChecklistItemRef,
    summary="Rename a step, check it off, or move it.",
    takes=UpdateChecklistItem,
    returns=ChecklistItem,
    policy=BOARD_WRITE,
)
DELETE_CHECKLIST_ITEM = deletes(
    "checklist.delete",
    ChecklistItemRef,
    summary="Delete a step from a card's checklist.",
    returns=Ok,
    policy=BOARD_WRITE,
)

ENDPOINTS = (LIST_CHECKLIST_ITEMS, ADD_CHECKLIST_ITEM, UPDATE_CHECKLIST_ITEM, DELETE_CHECKLIST_ITEM)
