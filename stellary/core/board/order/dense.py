"""Dense orders of short lists, in which a move may rewrite every item."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, bindparam, update

from stellary.core.kernel.unit import UnitOfWork

_END = 2**31 - 1


class DenseOrders:
    """Orders from 0 without gaps. Callers that change them lock the project first (``locks.lock_project``).

    Args:
        position: The database column that has the order.
        container: The column of the same table with the id of the container.
    """

    def __init__(self, position: Column[int], container: Column[Any]) -> None:
        self._statement = (
            update(position.table)
            .where(
                container == bindparam("_container_id"),
                position.between(bindparam("_from"), bindparam("_to")),
            )
            .values({position.name: position + bindparam("_step")})
        )

    def enter(self, uow: UnitOfWork, container_id: str, order: int) -> None:
        """Make room for an item at an order.

        Args:
            container_id: The scope of columns, or the project of scopes.
            order: The order of the new item, from 0 to the number of items.
        """
        self._shift(uow, container_id, order, _END, 1)

    def leave(self, uow: UnitOfWork, container_id: str, order: int) -> None:
        """Close the gap that a removed item leaves.

        Args:
            container_id: The scope of columns, or the project of scopes.
            order: The order that the item had.
        """
        self._shift(uow, container_id, order + 1, _END, -1)

    def move(self, uow: UnitOfWork, container_id: str, current: int, target: int, count: int) -> int:
        """Make room for an item that moves; return its new order, which is at most the end.

        Args:
            container_id: The scope of columns, or the project of scopes.
            current: The order of the item.
            target: Its new order, which may be beyond the end.
            count: The number of items, including this one.
        """
        order = min(target, count - 1)
        # The items between the old and the new order shift by one, against the direction of the move.
        if order > current:
            self._shift(uow, container_id, current + 1, order, -1)
        elif order < current:
            self._shift(uow, container_id, order, current - 1, 1)
        return order

    def _shift(self, uow: UnitOfWork, container_id: str, first: int, last: int, step: int) -> None:
        parameters = {"_container_id": container_id, "_from": first, "_to": last, "_step": step}
        uow.connection.execute(self._statement, parameters)
