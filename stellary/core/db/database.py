"""Connections: who may write, who only reads, and how long anybody waits.

SQLite: one connection writes, under a lock that is fair, and it alone checkpoints; a few others read, each in a
snapshot of its own. PostgreSQL: readers and writers have connections of their own; readers see one snapshot as well.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from stellary.contract.errors import ApiError, Unavailable
from stellary.core.db import forks, host_engine, postgres
from stellary.core.db.after_commit import run_effect
from stellary.core.db.connection_pool import ConnectionPool
from stellary.core.db.direct_connection import DirectConnection
from stellary.core.db.fair_lock import FairLock
from stellary.core.db.host_connection import check_borrowed
from stellary.core.db.joined import note_joined
from stellary.core.db.private_files import create_private_file

_log = logging.getLogger("stellary.core")
READERS = 3
WAIT_MAX = 30.0
LOCK_POLL = 0.001
"""Seconds between two attempts to lock a file of SQLite that another process has locked."""
SINGLE_STATEMENTS = 2
"""The statements of a unit that reads without a snapshot: the access check, and one for the data."""
FORK_SECONDS = 5.0
"""How long a fork waits for a unit on SQLite to end."""


class Database:
    """A database by its URL, or by an engine that the host has made.

    Args:
        database: ``sqlite:///stellary.db``, ``postgresql://…``, or an ``Engine``. One of SQLite keeps foreign
            keys on the connections that it opens from then on: without that, nothing goes with what it belongs to.
        direct: The URL of the same PostgreSQL past a pooler, for ``dedicated``; without one, as ``database``.

    Raises:
        ValueError: The URL is of no database that we know.
    """

    def __init__(self, database: str | Engine, direct: str | None = None) -> None:
        self._pools: list[ConnectionPool] = []
        self._own: list[Engine] = []
        self._lock: FairLock | None = None
        self._gathered = _Gathered()
        # Between the two sides of a fork: what was halted for it.
        self._has_turn = False
        self._paused: list[ConnectionPool] = []
        forks.follow(self)
        # How to have a connection. None: reading is done where writing is.
        self._reader: Callable[[], AbstractContextManager[Connection]] | None = None
        self._writer: Callable[[], AbstractContextManager[Connection]]
        # Without a snapshot. None: there is nothing to gain.
        self._single_reader: Callable[[], AbstractContextManager[DirectConnection]] | None = None
        if isinstance(database, Engine):
            self._engine = database
            self._writer = partial(_connect, database)
            if self.is_sqlite:
                event.listen(database, "connect", _keep_foreign_keys)
                database.dialect.do_commit = _commit_or_roll_back  # type: ignore[method-assign, assignment]
            else:
                self._reader = host_engine.reader_of(database, _connect, postgres.READS)
        elif database.startswith("sqlite"):
            self._engine = _sqlite(database, "BEGIN IMMEDIATE", 1)
            self._writer = self._create_pool(self._engine, 1, WAIT_MAX).connect
            if make_url(database).database not in (None, "", ":memory:"):
                self._reader = self._create_pool(
                    _sqlite(database, "BEGIN", READERS), READERS, WAIT_MAX
                ).connect
        else:
            url = postgres.parse_url(database)
            self._engine = postgres.create_postgres_engine(url, postgres.WRITERS + postgres.READERS)
            writers = self._create_pool(self._engine, postgres.WRITERS, WAIT_MAX / 3)
            readers = self._create_pool(self._engine, postgres.READERS, WAIT_MAX / 3)
            self._writer = partial(writers.connect, postgres.WRITES)
            self._reader = partial(readers.connect, postgres.READS)
            self._single_reader = partial(readers.connect, postgres.SINGLE_READS)
        # The connections of a host's engine have its own settings.
        self._limits_locks = isinstance(database, Engine) and not self.is_sqlite
        self._direct = self._engine
        if self.is_sqlite:
            self._lock = FairLock()
        elif direct is not None:
            self._direct = postgres.create_postgres_engine(postgres.parse_url(direct), 1)
            self._own.append(self._direct)

    def _create_pool(self, engine: Engine, most: int, wait: float) -> ConnectionPool:
        pool = ConnectionPool(engine, most, wait, self._pools)
        self._own.append(engine)
        self._pools.append(pool)
        return pool

    @property
    def engine(self) -> Engine:
        """The engine that may write."""
        return self._engine

    @property
    def direct_engine(self) -> Engine:
        """The engine that leads to PostgreSQL past a pooler, if there is such a way; otherwise ``engine``."""
        return self._direct

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None if it is in memory, or PostgreSQL."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection in a transaction that is committed at the end, or rolled back on an exception.

        Raises:
            Unavailable: No connection was free for too long.
        """
        gathered = self._gathered.connection
        if gathered is not None:
            with _savepoint(gathered):
                yield gathered
            return
        with self.open_raw() as connection, connection.begin():
            begin_sqlite(connection)
            if self._limits_locks:
                host_engine.limit_locks(connection, postgres.LOCK_TIMEOUT)
            yield connection

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Commit all writes of this thread in the block together on SQLite, with one wait for the disk.

        A unit that fails is rolled back alone. Do not respond to the requests of the others before the block ends: an
        exception at its end means that none of them was committed.

        Raises:
            Unavailable: The database has rolled back the transaction, since the disk is full or fails.
        """
        with self.writing() as connection:
            self._gathered.connection = connection
            try:
                yield
            finally:
                self._gathered.connection = None
                due, self._gathered.due = self._gathered.due, []
            # Without a transaction a commit would say nothing, and keep nothing.
            if not _driver(connection).in_transaction:
                raise Unavailable("the database has undone what was to be written", retry_after=1)
        for do in due:
            run_effect(do)

    def after_commit(self, due: Sequence[Callable[[], None]]) -> None:
        """Do some things, now that the transaction of a unit is over; or when those are that it was gathered with."""
        if self._gathered.connection is not None:
            self._gathered.due.extend(due)
            return
        for do in due:
            run_effect(do)

    @contextmanager
    def reading(self, *, snapshot: bool = True) -> Iterator[Connection]:
        """Open a connection that sees one snapshot; its writes are rejected or rolled back.

        Args:
            snapshot: Whether several statements must see the same state. Without it, ``SINGLE_STATEMENTS`` may be
                executed, and each may see a newer state.

        Raises:
            SnapshotNeeded: Another statement was to be executed without a snapshot.
        """
        if not snapshot and self._single_reader is not None:
            with self._single_reader() as single, single.begin():
                single.statements_left = SINGLE_STATEMENTS
                try:
                    yield single
                finally:
                    single.statements_left = None
            return
        if self._reader is None:
            with self.open_raw() as connection, connection.begin() as transaction:
                yield connection
                transaction.rollback()
            return
        with self._reader() as connection, connection.begin() as transaction:
            try:
                yield connection
            except ApiError:
                # There is nothing to roll back, and psycopg forgets its prepared statements at a rollback.
                transaction.commit()
                raise

    @contextmanager
    def open_raw(self) -> Iterator[Connection]:
        """Open a connection that may write, without a transaction."""
        with self._turn(), self._writer() as connection:
            yield connection

    def open_dedicated(self, isolation_level: str | None = None) -> AbstractContextManager[Connection]:
        """Open a connection to PostgreSQL that may be kept for long, past a pooler if there is a way.

        Args:
            isolation_level: As SQLAlchemy names them, or ``AUTOCOMMIT``; None for the engine's own.
        """
        return postgres.open_dedicated(self._direct, isolation_level)

    def open_migrating(self) -> AbstractContextManager[Connection]:
        """Open a connection that may write for as long as it takes, in no transaction yet."""
        return self.open_raw() if self.is_sqlite else self.open_dedicated()

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

    @contextmanager
    def joining(self, connection: Connection) -> Iterator[Connection]:
        """Join the transaction of a host's connection, which the host commits; an exception undoes the changes made here.

        Raises:
            RuntimeError: It is in no transaction; or it is one to SQLite that does not keep foreign keys.
        """
        if not connection.in_transaction():
            raise RuntimeError("the connection is in no transaction: there would be nobody to commit it")
        check_borrowed(connection)
        if self.is_sqlite:
            begin_sqlite(connection)
            if not _driver(connection).execute("PRAGMA foreign_keys").fetchone()[0]:
                raise RuntimeError("the connection was opened before the core, and keeps no foreign keys")
        note_joined(connection)
        # A savepoint, so that a unit that fails leaves the transaction as it was.
        with connection.begin_nested():
            yield connection

    def before_fork(self) -> None:
        """Wait until no unit uses SQLite, and close its files: SQLite allows no open one to be inherited."""
        if self._lock is None:
            return
        with suppress(RuntimeError):
            # Of a thread that forks within a unit of its own.
            self._has_turn = self._lock.acquire(FORK_SECONDS)
        self._paused = [pool for pool in self._pools if pool.pause(FORK_SECONDS)] if self._has_turn else []
        if self.file is not None:
            for pool in self._paused:
                pool.close()
            for engine in self._own or [self._engine]:
                engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Let units go on; connections are opened again when they are needed."""
        for pool in self._paused:
            pool.resume()
        if self._lock is not None and self._has_turn:
            self._lock.release()
        self._paused, self._has_turn = [], False

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections and locks to the parent."""
        is_quiet = self._has_turn and len(self._paused) == len(self._pools)
        in_memory = self.is_sqlite and self.file is None
        for pool in self._pools:
            pool.renew_locks() if in_memory else pool.abandon()
        for engine in [] if in_memory else self._own or [self._engine]:
            forks.abandon_pool(engine)
        self._gathered = _Gathered()
        self._paused, self._has_turn = [], False
        if self._lock is not None:
            self._lock = FairLock()
            if not is_quiet:
                self._writer = self._reader = _refuse_after_fork

    def close(self) -> None:
        """Close all connections; those of a host's engine are the host's."""
        for pool in self._pools:
            pool.close()
        for engine in self._own:
            engine.dispose()


class _Gathered(threading.local):
    """The units of a thread that share one commit: their connection, and the functions to call after the commit."""

    connection: Connection | None = None

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []


def _refuse_after_fork() -> AbstractContextManager[Connection]:
    raise RuntimeError(
        "this process was forked while a unit of work was open, so that it cannot use the SQLite database; "
        "fork while no unit is open"
    )


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """Open a savepoint in a transaction of SQLite, which is rolled back on an exception."""
    # Not SQLAlchemy's, which compiles these statements anew each time, and takes longer than a unit's largest one.
    driver = _driver(connection)
    if not driver.in_transaction:
        raise Unavailable("the database has undone what was to be written", retry_after=1)
    driver.execute("SAVEPOINT unit")
    try:
        yield
    except BaseException:
        if driver.in_transaction:
            driver.execute("ROLLBACK TO unit")
            driver.execute("RELEASE unit")
        raise
    driver.execute("RELEASE unit")


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    """Open a connection of an engine that belongs to the host."""
    try:
        connection = engine.connect()
    except PoolTimeout:
        raise Unavailable("the database is busy; try again", retry_after=1) from None
    with connection:
        if engine.dialect.name == "sqlite":
            # It may have been opened before we could ask for that.
            _keep_foreign_keys(_driver(connection))
        yield connection


def _retry_while_locked(execute: Callable[[], object], seconds: float) -> None:
    """Execute a statement on SQLite, again and again while another process has locked the file.

    SQLite does not queue processes, and its own wait looks at the lock only every 100 ms: while another process commits
    without a pause, it would find the lock taken for many seconds.

    Raises:
        OperationalError: The file was locked for all these seconds, or the statement failed otherwise.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            execute()
        except (sqlite3.OperationalError, OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(LOCK_POLL)
        else:
            return


def _keep_foreign_keys(driver: Any, _: ConnectionPoolEntry | None = None) -> None:
    driver.execute("PRAGMA foreign_keys=ON")


def _driver(connection: Connection) -> Any:
    """Return the connection of the driver."""
    return connection.connection.dbapi_connection


def begin_sqlite(connection: Connection) -> None:
    """Begin what SQLAlchemy takes for begun: of itself, the driver begins before the first change of a row.

    A savepoint before that would be a transaction of its own, and its release a commit; and who reads before it
    writes would do so on what another process has changed in between.
    """
    if connection.dialect.name == "sqlite" and not _driver(connection).in_transaction:
        driver = _driver(connection)
        (milliseconds,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute("PRAGMA busy_timeout=0")
        try:
            _retry_while_locked(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), milliseconds / 1000)
        finally:
            driver.execute(f"PRAGMA busy_timeout={milliseconds}")


def _commit_or_roll_back(connection: Any) -> None:
    """Commit; and end the transaction too where SQLite refuses to, which would leave it open for the next unit."""
    try:
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _sqlite(url: str, begin: str, size: int) -> Engine:
    reads_only = begin == "BEGIN"
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
        # A writer waits where it begins, and nowhere else: see ``_retry_while_locked``.
        connect_args={"check_same_thread": False, "timeout": WAIT_MAX if reads_only else LOCK_POLL},
    )

    @event.listens_for(engine, "do_connect")
    def create_file(_: object, __: object, arguments: Sequence[Any], options: Mapping[str, Any]) -> None:
        if arguments[0] != ":memory:" and not options.get("uri"):
            create_private_file(Path(arguments[0]))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver would begin transactions by itself, too late and of the wrong kind.
        connection.isolation_level = None
        # One process switches a new file to that, while others wait for it in vain.
        _retry_while_locked(lambda: connection.execute("PRAGMA journal_mode=WAL"), WAIT_MAX)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA case_sensitive_like=ON")
        if reads_only:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA wal_autocheckpoint=0")

    def start(connection: Any) -> None:
        _retry_while_locked(lambda: connection.execute(begin), WAIT_MAX)

    # Not by the event "begin": with a listener on it, an engine asks for listeners at every statement, at a third of
    # the statement's cost.
    engine.dialect.do_begin = start  # type: ignore[method-assign, assignment]
    engine.dialect.do_commit = _commit_or_roll_back  # type: ignore[method-assign, assignment]
    return engine
