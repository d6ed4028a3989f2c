"""Dense places: of things that are so few in what contains them that a move may rewrite them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, bindparam, update

from stellary.core.kernel.unit import UnitOfWork

_END = 2**31 - 1


class DensePlaces:
    """Places from 0, without a gap. Whoever changes them holds the project (``locks.lock_project``).

    Args:
        position: The column that holds the place.
        container: The one of the same table that names what contains the thing.
    """

    def __init__(self, position: Column[int], container: Column[Any]) -> None:
        self._shift = (
            update(position.table)
            .where(
                container == bindparam("_container_id"),
                position.between(bindparam("_from"), bindparam("_to")),
            )
            .values({position.name: position + bindparam("_step")})
        )

    def enter(self, uow: UnitOfWork, container_id: str, place: int) -> None:
        """Make room for something that is to stand at a place."""
        self._shifted(uow, container_id, place, _END, 1)

    def leave(self, uow: UnitOfWork, container_id: str, place: int) -> None:
        """Close the gap that something has left."""
        self._shifted(uow, container_id, place + 1, _END, -1)

    def move(self, uow: UnitOfWork, container_id: str, place: int, wanted: int, count: int) -> int:
        """Make room for something that stands there at another place; that place, which is the end at most."""
        order = min(wanted, count - 1)
        # Those between the old and the new place make room, by one place against the direction of the move.
        if order > place:
            self._shifted(uow, container_id, place + 1, order, -1)
        elif order < place:
            self._shifted(uow, container_id, order, place - 1, 1)
        return order

    def _shifted(self, uow: UnitOfWork, container_id: str, first: int, last: int, step: int) -> None:
        where = {"_container_id": container_id, "_from": first, "_to": last, "_step": step}
        uow.connection.execute(self._shift, where)
