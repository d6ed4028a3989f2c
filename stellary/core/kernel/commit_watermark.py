"""The horizon of a record on PostgreSQL: up to where it will not change any more.

Numbers are given out before transactions are committed, so that one which is committed later may put something before
what others have read by then. Up to the horizon every number belongs to a transaction that is over. Who has added to a
table holds a lock on it until then, which tells of those alone: transactions elsewhere, however long, hold up nobody.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Table, text

from stellary.core.db import forks


class Horizon:
    """The horizon of one record, for all who read it in this process.

    Args:
        table: Whose ``seq`` counts its rows.
    """

    def __init__(self, table: Table) -> None:
        self._last = text(
            f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table.name}_seq_seq"  # noqa: S608
        )
        self._adding = text(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND relation = CAST(:name AS regclass)"
        ).bindparams(name=table.name)
        self._lock = threading.Lock()
        forks.follow(self)
        self._reached = 0
        # A number that was given out, and who was still adding then: it is decided once they all are over.
        self._ahead: tuple[int, set[str]] | None = None

    def after_fork_in_child(self) -> None:
        """Renew the lock, which a thread of the parent may hold."""
        self._lock = threading.Lock()

    def reached(self, connection: Connection) -> tuple[int, bool]:
        """The last number that is decided with all before it; and whether others have been given out.

        Args:
            connection: To PostgreSQL, in a transaction of whose statements each sees what was committed before it.
        """
        last = int(connection.execute(self._last).scalar_one())
        # Asked after the number: who was given one before it is among them, or over.
        adding = set(connection.execute(self._adding).scalars())
        with self._lock:
            if not adding:
                self._reached, self._ahead = max(self._reached, last), None
            elif self._ahead is not None and not self._ahead[1] & adding:
                self._reached, self._ahead = max(self._reached, self._ahead[0]), None
            if adding and self._ahead is None and last > self._reached:
                self._ahead = (last, adding)
            return self._reached, self._reached < last
