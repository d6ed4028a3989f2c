"""The place of a deleted column or scope among its siblings, also among those that were deleted before or after it."""

from __future__ import annotations

from collections.abc import Sequence

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
        uow: The unit of work.
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


def find_place(uow: UnitOfWork, item: TrashRow, position: Column[int], siblings: Sequence[str]) -> int:
    """Return the position at which a restored item stands among its siblings; the end if it has none of its former ones.

    Args:
        uow: The unit of work.
        item: The entry of the item.
        position: The column with the position of an item.
        siblings: The ids of its siblings, in order.
    """
    place = trash.load_references(uow, item.id, position)[item.item_id]
    preceding = [index for index, id in enumerate(siblings) if id in place["before"]]
    following = [index for index, id in enumerate(siblings) if id in place["after"]]
    if preceding:
        return preceding[-1] + 1
    return following[0] if following else len(siblings)
