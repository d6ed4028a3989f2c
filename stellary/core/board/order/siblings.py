"""The place of a deleted column or scope among its siblings, also among those that were deleted before or after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, bindparam, select

from stellary.contract.trash import TrashKind
from stellary.core.board.order.dense import DenseOrders
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork


class SiblingOrders(DenseOrders):
    """Dense orders of items that return to their place when they are restored.

    Args:
        position: The database column that has the order.
        container: The column of the same table with the id of the container.
        kind: The kind of the items.
    """

    def __init__(self, position: Column[int], container: Column[Any], kind: TrashKind) -> None:
        super().__init__(position, container)
        self._position, self._kind = position, kind
        self._ids = (
            select(position.table.c.id).where(container == bindparam("_container_id")).order_by(position)
        )

    def store_place(self, uow: UnitOfWork, trash_id: str, container_id: str, item: trash.Item) -> None:
        """Store which siblings stand before and after an item that is deleted.

        Args:
            trash_id: The entry of the item.
            container_id: The scope of columns, or the project of scopes.
            item: The item.
        """
        siblings = self._list_ids(uow, container_id)
        index = siblings.index(item.id)
        before, after = [*siblings[:index]], [*siblings[index + 1 :]]
        # Siblings that were deleted earlier have stored on which side of them this one stands.
        places = trash.list_references(uow, self._kind, item.project_id or "", self._position)
        for sibling_id, place in places.items():
            if item.id in place["before"]:
                after.append(sibling_id)
            elif item.id in place["after"]:
                before.append(sibling_id)
        trash.add_references(uow, trash_id, self._position, {item.id: {"before": before, "after": after}})

    def forget_place(self, uow: UnitOfWork, project_id: str, item_id: str) -> None:
        """Forget on which side of deleted siblings an item stood, since it moves.

        Args:
            project_id: The project.
            item_id: The id of the item.
        """
        for trash_id, key, place in trash.find_item_rows(
            uow, self._kind, project_id, self._position, item_id
        ):
            remaining = {side: [id for id in ids if id != item_id] for side, ids in place.items()}
            trash.rewrite_row(uow, trash_id, self._position, key, remaining)

    def restore_place(self, uow: UnitOfWork, item: trash.TrashRow, container_id: str) -> int:
        """Make room where a restored item stands among its siblings; at the end if it has none of its former ones.

        Args:
            item: The entry of the item.
            container_id: The scope of columns, or the project of scopes.

        Returns:
            The order of the item.
        """
        siblings = self._list_ids(uow, container_id)
        places = trash.list_references(uow, item.kind, item.project_id or "", self._position)
        places |= trash.load_rows(uow, item.id, self._position)
        before_ids, after_ids = (_find_all(places, item.item_id, side) for side in ("before", "after"))
        preceding = [index for index, id in enumerate(siblings) if id in before_ids]
        following = [index for index, id in enumerate(siblings) if id in after_ids]
        order = preceding[-1] + 1 if preceding else following[0] if following else len(siblings)
        self.enter(uow, container_id, order)
        return order

    def _list_ids(self, uow: UnitOfWork, container_id: str) -> Sequence[str]:
        return uow.connection.execute(self._ids, {"_container_id": container_id}).scalars().all()


def _find_all(places: Mapping[str, Mapping[str, Sequence[str]]], item_id: str, side: str) -> set[str]:
    """Return the ids on one side of an item, also those beyond deleted siblings."""
    ids = set[str]()
    waiting_ids = [item_id]
    while waiting_ids:
        new_ids = set(places.get(waiting_ids.pop(), {}).get(side, ())) - ids
        ids |= new_ids
        waiting_ids += new_ids
    return ids
