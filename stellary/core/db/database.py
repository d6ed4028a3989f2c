"""The database: connections for writers and readers, with their transactions and time limits.

SQLite: one connection writes, under a fair lock, and is the only one that checkpoints. A few others read, each from
one snapshot. PostgreSQL: readers and writers have separate connections; readers see one snapshot as well.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import await_only

from stellary.contract.errors import ApiError, Unavailable
from stellary.core.db import forks, host_engine, postgres
from stellary.core.db.after_commit import run_effect
from stellary.core.db.connection_pool import ConnectionPool
from stellary.core.db.direct_connection import DirectConnection
from stellary.core.db.fair_lock import FairLock
from stellary.core.db.host_connection import check_host_connection
from stellary.core.db.joined import note_joined
from stellary.core.db.private_files import create_private_file

_log = logging.getLogger("stellary.core")
READERS = 3
WAIT_MAX = 30.0
LOCK_POLL = 0.001
"""The seconds between two attempts to lock a SQLite file that another process has locked."""
SINGLE_STATEMENTS = 2
"""The number of statements that a unit may execute without a snapshot: the access check, and one for the data."""
_SETTINGS = ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "case_sensitive_like=ON")
_READING_SETTINGS = ("query_only=ON", "wal_autocheckpoint=0")
_WRITING_SETTINGS = ("wal_autocheckpoint=4000",)  # 16 MiB: most commits change the same pages.
_SQLITE_LIMITS = {"readers": "SQLite in memory has one connection", "writers": "SQLite has one writer"}
FORK_SECONDS = 5.0
"""The seconds that a fork waits for the end of a unit on SQLite."""


class Database:
    """A database, given by its URL or by an engine of the host.

    Args:
        database: ``sqlite:///stellary.db``, ``postgresql://…``, or an ``Engine``. From now on, an engine of SQLite
            enforces foreign keys on new connections, since deletions rely on them.
        direct: The URL of the same PostgreSQL database without a pooler, for ``dedicated``. Default: ``database``.
        readers: The number of connections for readers. Default: 4 on PostgreSQL, 3 on SQLite in a file.
        writers: The number of connections for writers on PostgreSQL. Default: 8.
        unit_seconds: The seconds that a unit on PostgreSQL may take, also if the server is frozen. Default: 45.

    Raises:
        ValueError: The URL does not name a supported database, or names an asynchronous driver. Or the database has no
            readers or writers of that number.
        TypeError: The database is neither a URL nor an ``Engine``, or an asynchronous one.
    """

    def __init__(
        self,
        database: str | Engine,
        direct: str | None = None,
        readers: int | None = None,
        writers: int | None = None,
        unit_seconds: float | None = None,
    ) -> None:
        host_engine.check_kind(database)
        _check_counts(database, readers, writers)
        name = database.dialect.name if isinstance(database, Engine) else database
        self.reader_count = readers or (READERS if name.startswith("sqlite") else postgres.READERS)
        self._unit_seconds = unit_seconds
        self.writer_count = 1 if name.startswith("sqlite") else writers or postgres.WRITERS
        self._pools: list[ConnectionPool] = []
        self._own: list[Engine] = []
        self._lock: FairLock | None = None
        self._gathered = _Gathered()
        # Set between the two hooks of a fork: the pools and locks that were paused for it.
        self._has_turn = False
        self._paused: list[ConnectionPool] = []
        forks.follow(self)
        # Opens a connection for a reader; None if readers use the connection of the writer.
        self._reader: Callable[..., AbstractContextManager[Connection]] | None = None
        self._writer: Callable[..., AbstractContextManager[Connection]]
        # Opens a connection for single statements without a transaction; None if that is not faster, or not counted.
        self._single_reader: Callable[..., AbstractContextManager[Connection]] | None = None
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
            if not _is_in_memory(make_url(database)):
                count = self.reader_count
                reader_pool = self._create_pool(_sqlite(database, "BEGIN", count), count, WAIT_MAX)
                self._reader = reader_pool.connect
                if reader_pool.is_direct:
                    self._single_reader = partial(reader_pool.connect, statements=SINGLE_STATEMENTS)
        else:
            url = postgres.parse_url(database)
            self._engine = postgres.create_postgres_engine(url, self.writer_count + self.reader_count)
            writer_pool = self._create_pool(self._engine, self.writer_count, WAIT_MAX / 3)
            reader_pool = self._create_pool(self._engine, self.reader_count, WAIT_MAX / 3)
            self._writer = partial(writer_pool.connect, postgres.WRITES)
            self._reader = partial(reader_pool.connect, postgres.READS)
            if reader_pool.is_direct:
                self._single_reader = partial(reader_pool.connect, postgres.SINGLE_READS, SINGLE_STATEMENTS)
        # The connections of a host's engine have its own settings.
        self._limits_locks = isinstance(database, Engine) and not self.is_sqlite
        self._direct = self._engine
        if self.is_sqlite:
            self._lock = FairLock()
        elif direct is not None:
            self._direct = postgres.create_postgres_engine(postgres.parse_url(direct), 1)
            self._own.append(self._direct)

    def _create_pool(self, engine: Engine, most: int, wait: float) -> ConnectionPool:
        pool = ConnectionPool(engine, most, wait, self._pools, self._unit_seconds)
        self._own.append(engine)
        self._pools.append(pool)
        return pool

    def in_schema(self, name: str) -> Database:
        """Return this database with another schema of PostgreSQL, over the same connections. Closing it does nothing.

        Args:
            name: The name of the schema.

        Raises:
            ValueError: The database is SQLite or an engine of the host, or PostgreSQL allows no schema of that name.
        """
        if self.is_sqlite or not self._pools:
            raise ValueError("only a core that was created with the URL of a PostgreSQL database has schemas")
        postgres.check_schema(name)
        other = copy.copy(self)
        other._writer = partial(self._writer, schema=name)  # noqa: SLF001 - of this class
        other._reader = self._reader and partial(self._reader, schema=name)  # noqa: SLF001
        other._single_reader = self._single_reader and partial(self._single_reader, schema=name)  # noqa: SLF001
        other._direct = self._direct.execution_options(**{postgres.SCHEMA: name})  # noqa: SLF001
        other._gathered, other._own = _Gathered(), []  # noqa: SLF001
        forks.follow(other)
        return other

    @property
    def engine(self) -> Engine:
        """The engine that may write."""
        return self._engine

    @property
    def engines(self) -> Sequence[Engine]:
        """All engines: that of the host, or those that were created for the URL."""
        return [*dict.fromkeys(self._own)] or [self._engine]

    @property
    def direct_engine(self) -> Engine:
        """The engine that connects to PostgreSQL without a pooler; ``engine`` if no direct URL is set."""
        return self._direct

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None if it is in memory, or PostgreSQL."""
        url = self.engine.url
        return Path(url.database or "") if self.is_sqlite and not _is_in_memory(url) else None

    @property
    def is_shared_in_memory(self) -> bool:
        """True for SQLite in memory that a host uses too, where writes of other threads make its statements fail."""
        return self.is_sqlite and self.engine.url.query.get("mode") == "memory"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection in a transaction that is committed at the end, or rolled back on an exception.

        Raises:
            Unavailable: No connection was free for too long.
        """
        group = self._gathered
        if group.connection is not None:
            with _savepoint(group) if self.is_sqlite else _postgres_savepoint(group):
                yield group.connection
            return
        with self.open_raw() as connection, connection.begin():
            begin_sqlite(connection)
            if self._limits_locks:
                host_engine.limit_locks(connection, postgres.LOCK_TIMEOUT)
            yield connection

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Commit all writes of this thread in the block together, with one wait for the disk.

        A unit that fails is rolled back alone. Send no responses before the block ends: an exception at its
        end means that no unit was committed.

        Raises:
            Unavailable: The database has rolled back the transaction, such as on a full disk; or, on PostgreSQL, has
                rejected a statement, for example because of a deadlock.
        """
        with self.writing() as connection:
            group = self._gathered
            group.connection, group.has_savepoint, group.is_lost = connection, False, False
            try:
                yield
            finally:
                group.connection = None
                due, group.due = group.due, []
            # If the database has ended or aborted the transaction, a commit would succeed without committing anything.
            if group.is_lost or not self._can_commit(connection):
                raise _lost_group()
        for do in due:
            run_effect(do)

    @property
    def can_gather(self) -> bool:
        """True if ``gathering`` can be used; False for PostgreSQL with connections that are not direct, such as a host's."""
        return self.is_sqlite or any(pool.is_direct for pool in self._pools)

    def _can_commit(self, connection: Connection) -> bool:
        """Return whether the transaction of a connection is open, and no error has aborted it."""
        if self.is_sqlite:
            return bool(_driver(connection).in_transaction)
        return isinstance(connection, DirectConnection) and connection.has_open_transaction()

    def after_commit(self, due: Sequence[Callable[[], None]]) -> None:
        """Run functions after the commit of a unit: now, or after the common commit of a group."""
        if self._gathered.connection is not None:
            self._gathered.due.extend(due)
            return
        for do in due:
            run_effect(do)

    @property
    def has_readers(self) -> bool:
        """True if units that only read use connections of their own, which see only committed rows."""
        return self._reader is not None

    def reading(self, *, snapshot: bool = True) -> AbstractContextManager[Connection]:
        """Open a connection that reads from one snapshot. Writes on it are rejected or rolled back.

        Args:
            snapshot: Whether several statements must see the same state. If False, up to
                ``SINGLE_STATEMENTS`` statements may be executed, each of which may see a newer state.

        Raises:
            SnapshotNeeded: More statements were executed than is allowed without a snapshot.
        """
        if not snapshot and self._single_reader is not None:
            return self._single_reader()
        return self._read_snapshot()

    @contextmanager
    def _read_snapshot(self) -> Iterator[Connection]:
        if self._reader is None:
            with self.open_raw() as connection, connection.begin() as transaction:
                yield connection
                transaction.rollback()
            return
        with self._reader() as connection, connection.begin() as transaction:
            try:
                yield connection
            except ApiError:
                # No rollback is needed, and psycopg would discard its prepared statements at a rollback.
                transaction.commit()
                raise

    @contextmanager
    def open_raw(self) -> Iterator[Connection]:
        """Open a connection that may write, without a transaction."""
        with self._turn(), self._writer() as connection:
            yield connection

    def open_dedicated(self, isolation_level: str | None = None) -> AbstractContextManager[Connection]:
        """Open a connection to PostgreSQL that may be kept for long, without a pooler if a direct URL is set.

        Args:
            isolation_level: A level of SQLAlchemy, such as ``AUTOCOMMIT``; None for that of the engine.
        """
        return postgres.open_dedicated(self._direct, isolation_level)

    def open_migrating(self) -> AbstractContextManager[Connection]:
        """Open a connection for migrations: without a time limit, and without an open transaction."""
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
            RuntimeError: The connection is not in a transaction, is a SQLite connection that does not enforce foreign
                keys, or is asynchronous and not used in ``run_sync``.
            TypeError: It is a session, or the asynchronous wrapper of a connection.
        """
        check_host_connection(connection)
        if not connection.in_transaction():
            raise RuntimeError(
                "the connection is not in a transaction, so the changes would not be committed"
            )
        if self.is_sqlite:
            begin_sqlite(connection)
            if not _driver(connection).execute("PRAGMA foreign_keys").fetchone()[0]:
                raise RuntimeError(
                    "the connection does not enforce foreign keys: pass its engine to Core before it connects, or execute "
                    "PRAGMA foreign_keys=ON for each new connection"
                )
        note_joined(connection)
        # The savepoint lets a failed unit leave the transaction unchanged.
        with connection.begin_nested():
            yield connection

    def before_fork(self) -> None:
        """Wait until no unit uses SQLite, and close its files, since a child must not inherit open SQLite files."""
        if self._lock is None:
            return
        with suppress(RuntimeError):
            # This thread forks within a unit of its own.
            self._has_turn = self._lock.acquire(FORK_SECONDS)
        self._paused = [pool for pool in self._pools if pool.pause(FORK_SECONDS)] if self._has_turn else []
        if self.file is not None:
            for pool in self._paused:
                pool.close()
            for engine in self.engines:
                engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Let units continue. Connections are opened again when they are needed."""
        for pool in self._paused:
            pool.resume()
        if self._lock is not None and self._has_turn:
            self._lock.release()
        self._paused, self._has_turn = [], False

    def after_fork_in_child(self) -> None:
        """Replace the connections and locks, which belong to the parent."""
        is_quiet = self._has_turn and len(self._paused) == len(self._pools)
        in_memory = self.is_sqlite and self.file is None
        for pool in self._pools:
            pool.renew_locks() if in_memory else pool.abandon()
        for engine in [] if in_memory else self.engines:
            forks.abandon_pool(engine)
        self._gathered = _Gathered()
        self._paused, self._has_turn = [], False
        if self._lock is not None:
            self._lock = FairLock()
            if not is_quiet:
                self._writer = self._reader = _refuse_after_fork
                self._single_reader = None

    def close(self) -> None:
        """Close all connections, except those of a host's engine."""
        for pool in self._pools if self._own else ():
            pool.close()
        for engine in self._own:
            engine.dispose()


def _is_in_memory(url: URL) -> bool:
    """Return whether a URL of SQLite names a database in memory, which one connection at a time may use."""
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


class _Gathered(threading.local):
    """The units of a thread that share one commit: their connection, and the functions to call after the commit.

    ``has_savepoint`` is true if the savepoint of a unit has not been released, and ``is_lost`` if the transaction cannot
    be committed any more.
    """

    connection: Connection | None = None
    has_savepoint = False
    is_lost = False

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []


def _refuse_after_fork() -> AbstractContextManager[Connection]:
    raise RuntimeError(
        "this process was forked while a unit of work was open, so that it cannot use the SQLite database; "
        "fork while no unit is open"
    )


def _lost_group() -> Unavailable:
    return Unavailable("the database has rolled back the transaction; try again", retry_after=1)


@contextmanager
def _savepoint(group: _Gathered) -> Iterator[None]:
    """Open a savepoint in a transaction of SQLite, which is rolled back on an exception."""
    # Not SQLAlchemy's savepoint: it compiles these statements each time, which takes longer than the largest
    # statement of a unit.
    driver = _driver(group.connection)
    if not driver.in_transaction:
        raise _lost_group()
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
def _postgres_savepoint(group: _Gathered) -> Iterator[None]:
    """Open a savepoint in a transaction of PostgreSQL, which is rolled back on an exception.

    If PostgreSQL rejects a statement, the whole group is lost: after a deadlock, for example, the locks of the earlier
    units would cause the next one.
    """
    if group.is_lost:
        raise _lost_group()
    connection = group.connection
    assert isinstance(connection, DirectConnection)
    # The savepoint of the last unit is released here or by the commit. The commands are sent with the next statement.
    if group.has_savepoint:
        connection.queue_command("RELEASE unit")
    connection.queue_command("SAVEPOINT unit")
    group.has_savepoint = True
    try:
        yield
    except DBAPIError:
        group.is_lost = True
        raise
    except BaseException:
        connection.queue_command("ROLLBACK TO unit")
        raise


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    """Open a connection of the host's engine."""
    try:
        connection = engine.connect()
    except PoolTimeout:
        raise Unavailable("the database is busy; try again", retry_after=1) from None
    with connection:
        if engine.dialect.name == "sqlite":
            # The connection may have been opened before foreign keys were enabled for the engine.
            _keep_foreign_keys(_driver(connection))
        yield connection


def _retry_while_locked(
    execute: Callable[[], object], seconds: float, pause: Callable[[float], object] = time.sleep
) -> None:
    """Execute a statement on SQLite, and retry it while another process has locked the file.

    SQLite has no queue of processes, and its own wait checks the lock only every 100 ms. While another
    process commits without pauses, it could find the file locked for many seconds.

    Args:
        execute: Executes the statement.
        seconds: The time limit.
        pause: Waits for a number of seconds.

    Raises:
        OperationalError: The file stayed locked until the time limit, or the statement failed for another reason.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            execute()
        except (sqlite3.OperationalError, OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            pause(LOCK_POLL)
        else:
            return


def _pause_task(seconds: float) -> None:
    """Let the other tasks of the event loop continue, one of which may have locked the file."""
    await_only(asyncio.sleep(seconds))


def _check_counts(database: str | Engine, readers: int | None, writers: int | None) -> None:
    """Check the numbers of connections.

    Raises:
        ValueError: The database has no readers or writers of that number.
    """
    for name, count in (("readers", readers), ("writers", writers)):
        if count is None:
            continue
        if count < 1:
            raise ValueError(f"{name} must be at least 1")
        if isinstance(database, Engine):
            raise ValueError(f"{name} cannot be set for an engine: set the size of its pool")
        if database.startswith("sqlite") and (name == "writers" or _is_in_memory(make_url(database))):
            raise ValueError(f"{name} cannot be set: {_SQLITE_LIMITS[name]}")


def _keep_foreign_keys(driver: Any, _: ConnectionPoolEntry | None = None) -> None:
    driver.execute("PRAGMA foreign_keys=ON")


def _driver(connection: Connection | None) -> Any:
    """Return the connection of the driver."""
    assert connection is not None
    return connection.connection.dbapi_connection


def begin_sqlite(connection: Connection) -> None:
    """Begin the transaction that SQLAlchemy assumes to be open. The driver would begin it only before the first change.

    Otherwise, a savepoint before the first change would be a transaction, and its release a commit; and rows
    that are read before the first change could be changed by another process in between.
    """
    # SQLAlchemy's adapter of an asynchronous driver does not have this attribute.
    if connection.dialect.name == "sqlite" and not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
        driver = _driver(connection)
        (milliseconds,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute("PRAGMA busy_timeout=0")
        pause = _pause_task if connection.dialect.is_async else time.sleep
        try:
            _retry_while_locked(
                lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), milliseconds / 1000, pause
            )
        finally:
            driver.execute(f"PRAGMA busy_timeout={milliseconds}")


def _commit_or_roll_back(connection: Any) -> None:
    """Commit, and roll back if SQLite refuses to commit, so that the transaction does not stay open."""
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
        # A writer waits only when its transaction begins: see ``_retry_while_locked``.
        connect_args={"check_same_thread": False, "timeout": WAIT_MAX if reads_only else LOCK_POLL},
    )
    connect = engine.dialect.connect

    def create_and_connect(file: str, **options: object) -> object:
        if file != ":memory:" and not options.get("uri"):
            create_private_file(Path(file))
        return connect(file, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions itself: it would do so too late, and with the wrong kind.
        connection.isolation_level = None
        # Only one process can switch a new file to this mode; SQLite's own wait does not help the others.
        _retry_while_locked(lambda: connection.execute("PRAGMA journal_mode=WAL"), WAIT_MAX)
        for setting in _SETTINGS + (_READING_SETTINGS if reads_only else _WRITING_SETTINGS):
            connection.execute(f"PRAGMA {setting}")

    def start(connection: Any) -> None:
        _retry_while_locked(lambda: connection.execute(begin), WAIT_MAX)

    # Not the events "begin" and "do_connect": with a listener on them, the engine looks for listeners at every
    # statement, which costs a third of the statement.
    engine.dialect.connect = create_and_connect  # type: ignore[method-assign, assignment]
    engine.dialect.do_begin = start  # type: ignore[method-assign, assignment]
    engine.dialect.do_commit = _commit_or_roll_back  # type: ignore[method-assign, assignment]
    return engine
