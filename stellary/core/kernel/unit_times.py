"""The times of units of work, for metrics and for the log of slow units."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Protocol

from stellary.core.db.direct_connection import CoreConnection

if TYPE_CHECKING:
    from stellary.core.kernel.unit import UnitOfWork

_log = logging.getLogger("stellary.core")
SLOW_SECONDS = 0.5
"""The duration from which on a unit is logged."""
LOGGED_EVERY = 1.0
"""The minimum number of seconds between two lines about slow units."""


class UnitTimes:
    """The durations and counts of a unit of work, which begins when they are created.

    Args:
        writes: Whether the unit may write.

    Attributes:
        operation: The operation of the request, such as ``cards.update``, or the kind of the job; ``other`` for a part of one.
        writes: As above.
        statements: The number of statements; 0 on a connection that is not the core's.
        rows: The number of rows that they returned.
        waited: Seconds until the unit had a connection. On SQLite, writers wait for each other here.
        begun_at: When it asked for a connection, by ``time.perf_counter``.
        committed: Seconds of the commit, even if it fails; 0 for a unit that only reads, or fails before.
        seconds: Seconds from the request for a connection to the end of the unit.
        ended_at: When it ended, by ``time.perf_counter``.
    """

    __slots__ = (
        "_connection", "_settled_at", "_uow", "begun_at", "committed", "ended_at", "operation", "rows", "seconds",
        "statements", "waited", "writes",
    )  # fmt: skip

    def __init__(self, *, writes: bool) -> None:
        self.begun_at = time.perf_counter()
        self._uow: UnitOfWork | None = None
        self._connection: CoreConnection | None = None
        self.writes = writes
        self._settled_at = self.committed = self.waited = 0.0
        self.statements = self.rows = 0

    def open(self, uow: UnitOfWork) -> None:
        """Note that the unit has a connection."""
        self.waited = time.perf_counter() - self.begun_at
        self._uow, connection = uow, uow.connection
        if isinstance(connection, CoreConnection):
            self._connection, connection.on_return = connection, self._count
            self.statements, self.rows = connection.statement_count, connection.row_count

    def _count(self) -> None:
        """Count the statements, before another thread gets the connection. In a group of units, at the end of each."""
        if self._connection is not None:
            self.statements = self._connection.statement_count - self.statements
            self.rows = self._connection.row_count - self.rows
            self._connection.on_return = None
            self._connection = None

    def settle(self) -> None:
        """Note that the unit begins to commit."""
        self._settled_at = time.perf_counter()

    def end(self) -> bool:
        """Note that the unit has ended. Return False if it never had a connection."""
        if self._uow is None:
            return False
        self.ended_at = now = time.perf_counter()
        self.seconds = now - self.begun_at
        if self._settled_at:
            self.committed = now - self._settled_at
        if self._connection is not None:
            self._count()
        self.operation = self._uow.operation
        # The observers may keep the times, and not the unit.
        self._uow = None
        return True


class UnitObserver(Protocol):
    """A receiver of the times of units."""

    def end_unit(self, times: UnitTimes) -> None:
        """Count a unit that has ended. It is called in the thread of the unit, and must not block."""
        ...


class SlowUnitLog:
    """The log of slow units, at most one line a second."""

    def __init__(self) -> None:
        self._logged_at = -LOGGED_EVERY
        self._omitted_count = 0

    def write(self, times: UnitTimes) -> None:
        """Log a slow unit, or count it as omitted if one has just been logged."""
        now = time.monotonic()
        if now - self._logged_at < LOGGED_EVERY:
            self._omitted_count += 1
            return
        omitted, self._omitted_count, self._logged_at = self._omitted_count, 0, now
        _log.warning(
            "slow unit: %s took %.0f ms: %d statements, %d rows, %.0f ms waiting for a connection, %.0f ms committing%s",
            times.operation,
            times.seconds * 1000,
            times.statements,
            times.rows,
            times.waited * 1000,
            times.committed * 1000,
            f"; {omitted} more since the last line" if omitted else "",
        )
