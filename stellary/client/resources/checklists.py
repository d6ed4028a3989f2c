"""Checklists: the steps within a card."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.checklists import (
    ADD_CHECKLIST_ITEM,
    DELETE_CHECKLIST_ITEM,
    LIST_CHECKLIST_ITEMS,
    UPDATE_CHECKLIST_ITEM,
)


class Checklist(Resource[C]):
    """The steps of a card."""

    list = method(LIST_CHECKLIST_ITEMS)
    iterate = iterates(LIST_CHECKLIST_ITEMS)
    add = method(ADD_CHECKLIST_ITEM)
    update = by_id(UPDATE_CHECKLIST_ITEM)
    delete = by_id(DELETE_CHECKLIST_ITEM)
