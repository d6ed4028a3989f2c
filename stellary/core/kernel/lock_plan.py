"""The rows that the attempts of a unit lock, so that a repeated attempt locks all of them first, in one order.

A unit that waits for a row while it holds another can wait for a unit that waits for it. PostgreSQL takes a second to
notice that, and the next attempt could fail in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from sqlalchemy import Connection

ALL = ""
"""Stands for all rows of a container."""


class LockPlan:
    """The locks of the attempts of one unit, by container.

    Attributes:
        needed: The ids of the rows that any attempt has needed.
        held: The ids of the rows that the current attempt has locked.
        attempts: The number of attempts that have begun.
        lock_all: Locks the needed rows in one order, at the beginning of a repeated attempt; None without such rows.
    """

    def __init__(self) -> None:
        self.needed: defaultdict[str, set[str]] = defaultdict(set)
        self.held: defaultdict[str, set[str]] = defaultdict(set)
        self.attempts = 0
        self.lock_all: Callable[[Connection], object] | None = None

    def begin(self, connection: Connection) -> None:
        """Begin an attempt: lock the rows that earlier attempts have needed.

        Args:
            connection: The connection of the unit of work.
        """
        self.attempts += 1
        self.held.clear()
        if self.lock_all is not None:
            for container_id, ids in self.needed.items():
                self.held[container_id] |= ids
            self.lock_all(connection)

    def add(self, container_id: str, ids: Collection[str]) -> bool:
        """Add rows that the unit locks next, and return whether it may have to wait for them while it holds others.

        Args:
            container_id: The container of the rows.
            ids: The rows.
        """
        self.needed[container_id] |= {*ids}
        held, holds_any = self.held[container_id], any(self.held.values())
        if ALL in held or held.issuperset(ids):
            return False
        held |= {*ids}
        return holds_any
