"""Rules of checklists: the order of items, progress, and completeness."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from stellary.contract.cards import ChecklistEntry
from stellary.contract.checklists import (
    CHECKLIST_MAX,
    AddChecklistItem,
    ChecklistItem,
    ChecklistProgress,
    UpdateChecklistItem,
)
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import build_value, get_set_fields, replace_fields
from stellary.contract.wire import UNSET, Unset, invalid
from stellary.core.board.rules.card_counts import percent
from stellary.core.board.rules.fields import value_or
from stellary.core.db.base import IdSource


def progress(items: Sequence[ChecklistItem]) -> ChecklistProgress:
    """Return the progress of a checklist in whole percent, rounded down: 100 means that every item is done."""
    return progress_of(sum(item.done for item in items), len(items))


@functools.lru_cache(maxsize=8192)
def progress_of(done: int, total: int) -> ChecklistProgress:
    """Return the progress for the number of items that are done and the number of all items.

    Args:
        done: The number of items that are done.
        total: The number of all items.
    """
    # Cached, since a board has few different values.
    return ChecklistProgress(done=done, total=total, percent=percent(done, total))


def is_complete(items: Sequence[ChecklistItem]) -> bool:
    """Return whether a checklist has items and all of them are done."""
    return bool(items) and all(item.done for item in items)


def renumber(items: Iterable[ChecklistItem]) -> list[ChecklistItem]:
    """Return the items with ``order`` set to their index, from 0."""
    return [
        item if item.order == position else replace_fields(item, order=position)
        for position, item in enumerate(items)
    ]


def add_item(before: Sequence[ChecklistItem], request: AddChecklistItem, id: str) -> list[ChecklistItem]:
    """Return a checklist with a new item, at the order of the request or at the end.

    Args:
        before: The items before the addition.
        request: The new item.
        id: The id of the new item.

    Raises:
        Conflict: The checklist is full.
    """
    if len(before) >= CHECKLIST_MAX:
        raise Conflict(f"a checklist has at most {CHECKLIST_MAX} items", code="checklist_full")
    new_item = build_value(ChecklistItem, request, id=id, done=is_done(request), order=0)
    return _insert(before, new_item, _get_order(request, len(before)))


def update_item(
    before: Sequence[ChecklistItem], id: str, request: UpdateChecklistItem
) -> list[ChecklistItem]:
    """Return a checklist with one item renamed, checked or moved.

    Args:
        before: The items before the update.
        id: The id of the item.
        request: The update; fields that are not set keep their value.

    Raises:
        NotFound: The checklist has no such item.
        Invalid: ``done`` and ``checked`` contradict each other.
    """
    item = find_item(before, id)
    if isinstance(request.checked, bool) and request.done not in (UNSET, request.checked):
        raise invalid(("checked", "must not contradict done"))
    done = request.done if isinstance(request.checked, Unset) else request.checked
    changes = {**get_set_fields(request, ChecklistItem), "done": value_or(done, item.done)}
    new_item = replace_fields(item, **changes)
    return _insert(remove_item(before, id), new_item, new_item.order)


def is_done(entry: AddChecklistItem) -> bool:
    """Return whether a new item is done, according to ``checked`` or ``done``."""
    return entry.done if isinstance(entry.checked, Unset) else entry.checked


def remove_item(before: Sequence[ChecklistItem], id: str) -> list[ChecklistItem]:
    """Return a checklist without one of its items.

    Args:
        before: The items before the removal.
        id: The id of the item.

    Raises:
        NotFound: The checklist has no such item.
    """
    find_item(before, id)
    return renumber(item for item in before if item.id != id)


def find_item(items: Iterable[ChecklistItem], id: str) -> ChecklistItem:
    """Return the item with an id.

    Args:
        items: The items of a checklist.
        id: The id of the item.

    Raises:
        NotFound: The checklist has no such item.
    """
    for item in items:
        if item.id == id:
            return item
    raise NotFound("Checklist item not found")


def _insert(items: Sequence[ChecklistItem], item: ChecklistItem, position: int) -> list[ChecklistItem]:
    return renumber((*items[:position], item, *items[position:]))


def replace_items(
    entries: Sequence[AddChecklistItem], before: Sequence[ChecklistItem], new_id: IdSource, path: str = ""
) -> list[ChecklistItem]:
    """Return the checklist that a request describes, sorted by ``order`` where entries have one, otherwise as listed.

    Args:
        entries: An entry with the ``_id`` of an existing item updates that item; the other entries are new items.
        before: The existing items.
        new_id: Generates the ids of new items.
        path: The path of the entries in the request, such as ``checklist``.

    Raises:
        Invalid: An ``_id`` is not among the items, or is given twice.
    """
    known_ids = {item.id for item in before}
    ids = []
    for index, entry in enumerate(entries):
        item_id = entry.id if isinstance(entry, ChecklistEntry) else None
        if item_id and item_id not in known_ids:
            raise invalid((f"{path}[{index}]._id", "must be an item of this checklist, given once"))
        known_ids.discard(item_id or "")
        ids.append(item_id or new_id())
    ordered_indexes: Iterable[int] = range(len(entries))
    if any(entry.order is not UNSET for entry in entries):
        ordered_indexes = sorted(ordered_indexes, key=lambda index: _get_order(entries[index], index))
    return [
        build_value(
            ChecklistItem, entries[index], id=ids[index], done=is_done(entries[index]), order=position
        )
        for position, index in enumerate(ordered_indexes)
    ]


def _get_order(entry: AddChecklistItem, index: int) -> int:
    return entry.order if isinstance(entry.order, int) else index
