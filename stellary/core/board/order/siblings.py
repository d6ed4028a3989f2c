"""The place of a deleted column or scope among its siblings, also among those that were deleted before or after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Column

from stellary.contract.trash import TrashKind
from stellary.core.kernel import trash
from stellary.core.kernel.trash import TrashRow
from stellary.core.kernel.unit import UnitOfWork


def store_place(
    uow: UnitOfWork,
    trash_id: str,
    position: Column[int],
    siblings: Sequence[str],
    *,
    kind: TrashKind,
    item_id: str,
    project_id: str,
) -> None:
    """Store which siblings stand before and after an item that is deleted.

    Args:
        trash_id: The entry of the item.
        position: The column with the position of an item.
        siblings: The ids of the item and its siblings, in order.
        kind: The kind of the item.
        item_id: The id of the item.
        project_id: The project.
    """
    index = siblings.index(item_id)
    before, after = [*siblings[:index]], [*siblings[index + 1 :]]
    # Siblings that were deleted earlier have stored on which side of them this one stands.
    for sibling_id, place in trash.list_references(uow, kind, project_id, position).items():
        if item_id in place["before"]:
            after.append(sibling_id)
        elif item_id in place["after"]:
            before.append(sibling_id)
    trash.add_references(uow, trash_id, position, {item_id: {"before": before, "after": after}})


def forget_place(
    uow: UnitOfWork, position: Column[int], *, kind: TrashKind, item_id: str, project_id: str
) -> None:
    """Forget on which side of deleted siblings an item stood, since it moves.

    Args:
        position: The column with the position of an item.
        kind: The kind of the item.
        item_id: The id of the item.
        project_id: The project.
    """
    for trash_id, key, place in trash.find_item_rows(uow, kind, project_id, position, item_id):
        remaining = {side: [id for id in ids if id != item_id] for side, ids in place.items()}
        trash.rewrite_row(uow, trash_id, position, key, remaining)


def find_place(uow: UnitOfWork, item: TrashRow, position: Column[int], siblings: Sequence[str]) -> int:
    """Return the position at which a restored item stands among its siblings; the end if it has none of its former ones.

    Args:
        item: The entry of the item.
        position: The column with the position of an item.
        siblings: The ids of its siblings, in order.
    """
    places = trash.list_references(uow, item.kind, item.project_id or "", position)
    places |= trash.load_rows(uow, item.id, position)
    before_ids, after_ids = (_find_all(places, item.item_id, side) for side in ("before", "after"))
    preceding = [index for index, id in enumerate(siblings) if id in before_ids]
    following = [index for index, id in enumerate(siblings) if id in after_ids]
    if preceding:
        return preceding[-1] + 1
    return following[0] if following else len(siblings)


def _find_all(places: Mapping[str, Mapping[str, Sequence[str]]], item_id: str, side: str) -> set[str]:
    """Return the ids on one side of an item, also those beyond deleted siblings."""
    ids = set[str]()
    waiting_ids = [item_id]
    while waiting_ids:
        new_ids = set(places.get(waiting_ids.pop(), {}).get(side, ())) - ids
        ids |= new_ids
        waiting_ids += new_ids
    return ids
