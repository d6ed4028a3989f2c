"""Connections: who may write, who only reads, and how long anybody waits.

SQLite: one connection writes, under a lock that is fair, and it alone checkpoints; a few others read, each in a
snapshot of its own. PostgreSQL: one pool; readers see one snapshot as well.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from stellary.contract.errors import Unavailable

POOL_SIZE = 8
READERS = 2
WAIT_MAX = 30.0
_POSTGRES_LIMITS = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"


class FairLock:
    """A lock that is handed on in the order in which it was asked for: nobody starves."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Take the lock, waiting at most that many seconds; False if it was not to be had."""
        me = threading.get_ident()
        with self._mutex:
            if self._owner is None:
                self._owner = me
                return True
            if self._owner == me:
                raise RuntimeError(
                    "this thread is writing already: a unit of work cannot be opened inside another"
                )
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            self._owner = me
            return True
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        # It was handed over in the moment in which the wait ended.
        self._owner = me
        return True

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                # -1: between two owners, so that nobody takes it past the one whose turn it is.
                self._owner = -1
                self._waiting.popleft().release()
            else:
                self._owner = None


class Database:
    """A database by its URL, or by an engine that the host has made.

    Args:
        database: ``sqlite:///stellary.db``, ``postgresql+psycopg://…``, or an ``Engine``.
    """

    def __init__(self, database: str | Engine) -> None:
        self._lock: FairLock | None = None
        if isinstance(database, Engine):
            self._write = self._read = database
            if database.dialect.name == "sqlite":
                self._lock = FairLock()
        elif make_url(database).get_backend_name() == "sqlite":
            self._lock = FairLock()
            self._write = _sqlite(database, "BEGIN IMMEDIATE", size=1)
            in_memory = make_url(database).database in (None, "", ":memory:")
            self._read = self._write if in_memory else _sqlite(database, "BEGIN", size=READERS)
        else:
            self._write = create_engine(
                database,
                pool_size=POOL_SIZE,
                max_overflow=0,
                # An error's text ends up in logs, where the values of a statement (hashes of passwords) must not be.
                hide_parameters=True,
                pool_timeout=WAIT_MAX / 3,
                connect_args={"options": _POSTGRES_LIMITS},
            )
            self._read = self._write.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def engine(self) -> Engine:
        """The engine that may write."""
        return self._write

    @property
    def is_sqlite(self) -> bool:
        return self._write.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None if it is in memory, or PostgreSQL."""
        name = self._write.url.database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back on an exception.

        Raises:
            Unavailable: No connection was free for too long.
        """
        with self._turn(), _opened(self._write) as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one snapshot; what it writes is refused or thrown away."""
        if self._read is self._write:
            with self._turn(), _opened(self._read) as connection, connection.begin() as transaction:
                yield connection
                transaction.rollback()
            return
        with _opened(self._read) as connection, connection.begin():
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        if not self._lock.acquire(WAIT_MAX):
            raise Unavailable("the database is busy; try again", retry_after=1)
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        self._write.dispose()
        self._read.dispose()


@contextmanager
def _opened(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except PoolTimeout:
        raise Unavailable("the database is busy; try again", retry_after=1) from None
    with connection:
        yield connection


def _sqlite(url: str, begin: str, size: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=WAIT_MAX,
        connect_args={"check_same_thread": False, "timeout": WAIT_MAX},
    )
    reads_only = begin == "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver would begin transactions by itself, too late and of the wrong kind.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA case_sensitive_like=ON")
        if reads_only:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA wal_autocheckpoint=0")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
