"""The commit watermark of an append-only table on PostgreSQL: the sequence number below which no row can still appear.

A sequence hands out numbers before transactions commit, so a transaction that commits late can add a row below numbers
that readers have already seen. Every number up to the watermark belongs to a transaction that has ended. A transaction
that inserts into a table holds a lock on it until it ends; only these locks are checked, so long transactions
that do not write to the table delay no reader.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, text

from stellary.core.db import forks


class CommitWatermark:
    """The watermark of one table, shared by all readers in this process.

    Args:
        table: A table whose ``seq`` column numbers its rows.
    """

    def __init__(self, table: Table) -> None:
        self._last_number = text(
            f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table.name}_seq_seq"  # noqa: S608
        )
        self._writers = text(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND relation = CAST(:name AS regclass)"
        ).bindparams(name=table.name)
        self._lock = forks.create_lock(self)
        self._watermark = 0
        # A sequence number, and the transactions that were writing when it was read: it is safe once they all
        # have ended.
        self._pending: tuple[int, set[str]] | None = None

    def read(self, connection: Connection) -> tuple[int, bool]:
        """Return the watermark, and whether numbers above it have been handed out.

        Args:
            connection: A connection to PostgreSQL, in a READ COMMITTED transaction.
        """
        last = int(connection.execute(self._last_number).scalar_one())
        # Read after the number: a transaction that has a lower number is among the writers, or has ended.
        writers = set(connection.execute(self._writers).scalars())
        with self._lock:
            if not writers:
                self._watermark, self._pending = max(self._watermark, last), None
            elif self._pending is not None and not self._pending[1] & writers:
                self._watermark, self._pending = max(self._watermark, self._pending[0]), None
            if writers and self._pending is None and last > self._watermark:
                self._pending = (last, writers)
            return self._watermark, self._watermark < last
