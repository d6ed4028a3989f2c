"""Checklists: their order, their progress, and when one is complete."""

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
from stellary.contract.errors import Conflict, Invalid, NotFound
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import invalid
from stellary.core.board.rules.card_counts import percent
from stellary.core.db.base import IdSource


def progress(items: Sequence[ChecklistItem]) -> ChecklistProgress:
    """How far a checklist is, in whole percent, rounded down: 100 means that nothing is left."""
    return progress_of(sum(item.done for item in items), len(items))


@functools.lru_cache(maxsize=8192)
def progress_of(done: int, total: int) -> ChecklistProgress:
    """The same, by how many items are done and how many there are."""
    # Shared by all cards that are as far: a board has few different ones.
    return ChecklistProgress(done=done, total=total, percent=percent(done, total))


def is_complete(items: Sequence[ChecklistItem]) -> bool:
    """Whether there is something to do, and all of it is done."""
    return bool(items) and all(item.done for item in items)


def renumbered(items: Iterable[ChecklistItem]) -> list[ChecklistItem]:
    """The same items, whose ``order`` is their place from 0."""
    return [
        item
        if item.order == place
        else ChecklistItem(id=item.id, title=item.title, done=item.done, order=place)
        for place, item in enumerate(items)
    ]


def added(before: Sequence[ChecklistItem], request: AddChecklistItem, id: str) -> list[ChecklistItem]:
    """The checklist with one item more: at the wanted place, or at the end.

    Raises:
        Conflict: It is full.
    """
    if len(before) >= CHECKLIST_MAX:
        raise Conflict(f"a checklist takes {CHECKLIST_MAX} items", code="checklist_full")
    made = ChecklistItem(id=id, title=request.title, done=is_done(request), order=0)
    return _put(before, made, _wanted(request, len(before)))


def edited(before: Sequence[ChecklistItem], id: str, request: UpdateChecklistItem) -> list[ChecklistItem]:
    """The checklist with one item renamed, checked off or moved; what is not named stays.

    Raises:
        NotFound: The item is not there.
        Invalid: ``done`` and ``checked`` contradict each other.
    """
    item = found(before, id)
    if isinstance(request.checked, bool) and request.done not in (UNSET, request.checked):
        raise invalid(("checked", "must not contradict done"))
    done = request.done if isinstance(request.checked, Unset) else request.checked
    made = ChecklistItem(
        id=id,
        title=request.title or item.title,
        done=item.done if isinstance(done, Unset) else done,
        order=item.order,
    )
    place = item.order if isinstance(request.order, Unset) else request.order
    return _put(without(before, id), made, place)


def is_done(entry: AddChecklistItem) -> bool:
    """Return whether a step to be is done, in either of the two words for it."""
    return entry.done if isinstance(entry.checked, Unset) else entry.checked


def without(before: Sequence[ChecklistItem], id: str) -> list[ChecklistItem]:
    """The checklist with one item less; those after it move up.

    Raises:
        NotFound: The item is not there.
    """
    found(before, id)
    return renumbered(item for item in before if item.id != id)


def found(items: Iterable[ChecklistItem], id: str) -> ChecklistItem:
    """The item of that id.

    Raises:
        NotFound: It is not there.
    """
    for item in items:
        if item.id == id:
            return item
    raise NotFound("Checklist item not found")


def _put(items: Sequence[ChecklistItem], item: ChecklistItem, place: int) -> list[ChecklistItem]:
    return renumbered((*items[:place], item, *items[place:]))


def replaced(
    entries: Sequence[AddChecklistItem], before: Sequence[ChecklistItem], new_id: IdSource, path: str = ""
) -> list[ChecklistItem]:
    """The checklist that the entries make: by their ``order`` where they name one, else as they stand.

    Args:
        entries: An entry with the ``_id`` of an item that is there stays that item; the others are new.
        before: The items that there are.
        new_id: Makes the ids of new ones.
        path: Where the entries stand in the request: ``checklist``.

    Raises:
        Invalid: An ``_id`` is not among the items, or is given twice.
    """
    there = {item.id for item in before}
    ids = []
    for index, entry in enumerate(entries):
        named = entry.id if isinstance(entry, ChecklistEntry) else None
        if named and named not in there:
            raise _unknown_item(f"{path}[{index}]._id")
        there.discard(named or "")
        ids.append(named or new_id())
    wanted = sorted(range(len(entries)), key=lambda index: _wanted(entries[index], index))
    return [
        ChecklistItem(id=ids[index], title=entries[index].title, done=is_done(entries[index]), order=place)
        for place, index in enumerate(wanted)
    ]


def _wanted(entry: AddChecklistItem, index: int) -> int:
    return entry.order if isinstance(entry.order, int) else index


def _unknown_item(field: str) -> Invalid:
    return invalid((field, "must be an item of this checklist, given once"))
