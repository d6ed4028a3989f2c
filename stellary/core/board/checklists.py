"""Checklists of cards. Section Checklists of the API reference."""

from __future__ import annotations

from stellary.contract.cards import Card
from stellary.contract.checklists import (
    ADD_CHECKLIST_ITEM,
    DELETE_CHECKLIST_ITEM,
    LIST_CHECKLIST_ITEMS,
    UPDATE_CHECKLIST_ITEM,
    AddChecklistItem,
    ChecklistItem,
    UpdateChecklistItem,
)
from stellary.contract.endpoint import Ok
from stellary.contract.refs import ChecklistItemRef, FlatCardRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_card
from stellary.core.board.rules import checklists as rules
from stellary.core.kernel.paging import page_of
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(LIST_CHECKLIST_ITEMS)
def list_checklist_items(uow: UnitOfWork, ref: FlatCardRef, request: Paged) -> Listing[ChecklistItem]:
    """Return the items in order; pages are in order of creation."""
    return page_of(access.flat_card(uow, ref).card.checklist, request, lambda item: item.id)


@serves(ADD_CHECKLIST_ITEM)
def add_checklist_item(uow: UnitOfWork, ref: FlatCardRef, request: AddChecklistItem) -> ChecklistItem:
    """Add an item, at the end unless the request has an order."""
    loaded = access.lock_card(uow, access.flat_card(uow, ref))
    id = uow.new_id()
    after = _change(uow, loaded, rules.add_item(loaded.card.checklist, request, id))
    return rules.find_item(after.checklist, id)


@serves(UPDATE_CHECKLIST_ITEM)
def update_checklist_item(
    uow: UnitOfWork, ref: ChecklistItemRef, request: UpdateChecklistItem
) -> ChecklistItem:
    """Rename, check or move an item."""
    loaded = access.lock_card(uow, access.checklist_item(uow, ref))
    after = _change(uow, loaded, rules.update_item(loaded.card.checklist, ref.item_id, request))
    return rules.find_item(after.checklist, ref.item_id)


@serves(DELETE_CHECKLIST_ITEM)
def delete_checklist_item(uow: UnitOfWork, ref: ChecklistItemRef) -> Ok:
    """Delete an item."""
    loaded = access.lock_card(uow, access.checklist_item(uow, ref))
    _change(uow, loaded, rules.remove_item(loaded.card.checklist, ref.item_id))
    return Ok()


def _change(uow: UnitOfWork, loaded: access.LoadedCard, checklist: list[ChecklistItem]) -> Card:
    return change_card(uow, loaded, checklist=checklist, checklist_progress=rules.progress(checklist))
