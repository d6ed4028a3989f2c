"""Checklists: the items within a card. Section Checklists of the API reference."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.endpoint import Collection
from stellary.contract.limits import Length, Named, Place
from stellary.contract.policies import BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ChecklistItemRef, FlatCardRef
from stellary.contract.wire import UNSET, Request, Unset, Value

CHECKLIST_MAX = 100
ItemTitle = Annotated[str, Length(1, 500)]


class ChecklistItem(Value):
    """An item of a card's checklist.

    Attributes:
        order: The position in the checklist: consecutive integers from 0.
    """

    id: Annotated[str, Named("_id")]
    title: str
    done: bool
    order: int


class ChecklistProgress(Value):
    """The progress of a checklist.

    Attributes:
        percent: 0 to 100, rounded down, so 100 means that every item is done; 0 for an empty checklist.
    """

    done: int
    total: int
    percent: int


class AddChecklistItem(Request):
    """A new checklist item. A card has at most 100.

    Attributes:
        title: 1-500 characters.
        checked: An alias of ``done``; takes precedence over it.
        order: The position, from 0. Default: the end.
    """

    title: ItemTitle
    done: bool = False
    checked: bool | Unset = UNSET
    order: Place | Unset = UNSET


class UpdateChecklistItem(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        checked: An alias of ``done``. If both are given, they must be equal.
        order: The new position, from 0. A number beyond the end means the end.
    """

    title: ItemTitle | Unset = UNSET
    done: bool | Unset = UNSET
    checked: bool | Unset = UNSET
    order: Place | Unset = UNSET


_CHECKLIST = Collection(FlatCardRef, "checklist", ChecklistItemRef, ChecklistItem)
LIST_CHECKLIST_ITEMS = _CHECKLIST.lists(
    "checklist.list",
    summary="List the checklist items of a card, in order.",
    policy=BOARD_READ,
)
ADD_CHECKLIST_ITEM = _CHECKLIST.creates(
    "checklist.add",
    summary="Add an item to a card's checklist.",
    takes=AddChecklistItem,
    policy=BOARD_WRITE,
)
UPDATE_CHECKLIST_ITEM = _CHECKLIST.updates(
    "checklist.update",
    summary="Rename, check, uncheck or move a checklist item.",
    takes=UpdateChecklistItem,
    policy=BOARD_WRITE,
)
DELETE_CHECKLIST_ITEM = _CHECKLIST.deletes(
    "checklist.delete",
    summary="Delete an item from a card's checklist.",
    policy=BOARD_WRITE,
)
