"""A pool of connections that stay open between units of work."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

import attrs
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from stellary.contract.errors import Unavailable
from stellary.core.db import forks, internals, watchdog
from stellary.core.db.direct_connection import CoreConnection, DirectConnection
from stellary.core.db.errors import is_statement_stale
from stellary.core.db.fair_lock import FairSemaphore
from stellary.core.db.postgres import use_schema
from stellary.core.db.statement_plans import Plans

ConnectionOptions = Mapping[str, str | bool]
"""Execution options of SQLAlchemy."""

NO_OPTIONS: ConnectionOptions = {}


class ConnectionPool:
    """Connections that stay open between units, since opening and closing one costs as much as two statements.

    Args:
        engine: The engine that opens the connections.
        size: The maximum number of connections in use; the engine must be able to open as many.
        wait: The maximum number of seconds that a unit waits for a connection.
        same_server: Other pools of the same server: if one connection is lost, the idle ones of all pools are closed.
        unit_seconds: The seconds that a connection may be in use. Default: those of the watchdog.

    Attributes:
        is_direct: Whether the connections execute statements directly on the driver.
    """

    def __init__(
        self,
        engine: Engine,
        size: int,
        wait: float,
        same_server: Sequence[ConnectionPool] = (),
        unit_seconds: float | None = None,
    ) -> None:
        self._engine = engine
        self._plans: Plans = Plans()
        self.is_direct = internals.are_known(engine.dialect.driver)
        self._size = size
        self._turns = FairSemaphore(size)
        self._wait = wait
        self._same_server = same_server
        self._unit_seconds = unit_seconds
        # The watchdog shuts down sockets, which SQLite does not have.
        self._is_watched = engine.dialect.name != "sqlite"
        self._mutex = threading.Lock()
        self._idle: list[tuple[ConnectionOptions, CoreConnection]] = []
        self._in_use = 0

    def connect(
        self,
        options: ConnectionOptions = NO_OPTIONS,
        statements: int | None = None,
        schema: str | None = None,
    ) -> PooledConnection:
        """Return a context manager that provides a connection for the block.

        Args:
            options: The execution options of the connection, always the same object for the same options.
            statements: The number of SELECTs that may be executed without a transaction. By default, the block begins a
                transaction.
            schema: The schema of PostgreSQL whose tables are used. By default, that of the engine.

        Raises:
            Unavailable: No connection was free for too long.
        """
        return PooledConnection(self, options, statements, schema)

    def take(self, options: ConnectionOptions, schema: str | None) -> CoreConnection:
        """Take a connection from the pool, for ``PooledConnection``.

        Args:
            options: The execution options of the connection.
            schema: The schema that it uses; None for that of the engine.

        Raises:
            Unavailable: No connection was free for too long.
        """
        if not self._turns.acquire(timeout=self._wait):
            raise Unavailable("the database is busy; try again", retry_after=1)
        connection: CoreConnection | None = None
        try:
            with self._mutex:
                present, connection = self._find_idle(options, schema)
                self._in_use += 1
            if connection is None:
                connection = (
                    DirectConnection(self._engine, self._plans)
                    if self.is_direct
                    else CoreConnection(self._engine)
                )
            if present is not options:
                connection.execution_options(**options)
            if self._is_watched:
                driver = connection.connection.dbapi_connection
                connection.watchdog_ticket = watchdog.watch(driver, self._unit_seconds)
            if connection.schema != schema:
                connection.has_schema_alone = use_schema(connection, schema) or schema is None
                connection.schema = schema
        except BaseException:
            if connection is None:
                self._release_use()
            else:
                if not connection.invalidated:
                    # It may use either schema.
                    connection.invalidate()
                self.put_back(connection, options)
            raise
        return connection

    def _find_idle(
        self, options: ConnectionOptions, schema: str | None
    ) -> tuple[ConnectionOptions, CoreConnection | None]:
        """Remove an idle connection, best one with the same schema, since PostgreSQL plans all statements again for another one."""
        position: int | None = None
        for index, (present, idle) in enumerate(self._idle):
            if idle.schema == schema:
                position = index
                if present is options:
                    # Setting options takes as long as a statement.
                    break
        if position is not None:
            return self._idle.pop(position)
        if self._idle and len(self._idle) + self._in_use >= self._size:
            # The one that was used the longest time ago.
            return self._idle.pop(0)
        return NO_OPTIONS, None

    def put_back(self, connection: CoreConnection, options: ConnectionOptions) -> None:
        """Return a connection to the pool.

        Args:
            connection: The connection, without an open transaction.
            options: Its execution options.
        """
        try:
            if connection.watchdog_ticket is not None:
                watchdog.forget(connection.watchdog_ticket)
                connection.watchdog_ticket = None
            self._put_back(connection, options)
        finally:
            self._release_use()

    def _release_use(self) -> None:
        with self._mutex:
            self._in_use -= 1
        self._turns.release()

    def _put_back(self, connection: CoreConnection, options: ConnectionOptions) -> None:
        if connection.invalidated:
            # The server has restarted or is down: the other connections are lost, too.
            _discard(connection)
            for pool in (self, *self._same_server):
                pool.close()
            return
        with self._mutex:
            self._idle.append((options, connection))

    def pause(self, timeout: float) -> bool:
        """Wait until no connection is in use, and hand out none until ``resume``.

        Args:
            timeout: The seconds to wait for each connection.

        Returns:
            Whether the pool is paused.
        """
        for taken in range(self._size):
            if not self._turns.acquire(timeout=timeout):
                self._release(taken)
                return False
        return True

    def resume(self) -> None:
        """Hand out connections again after a pause."""
        self._release(self._size)

    def _release(self, turns: int) -> None:
        for _ in range(turns):
            self._turns.release()

    def abandon(self) -> None:
        """Leave all connections to the parent of this process."""
        forks.abandon(self._idle)
        self._idle, self._in_use = [], 0
        self.renew_locks()

    def renew_locks(self) -> None:
        """Replace the locks, which threads of the parent may hold."""
        self._turns, self._mutex = FairSemaphore(self._size), threading.Lock()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            _discard(connection)


def _discard(connection: CoreConnection) -> None:
    """Close a connection. The engine must not keep one that uses a schema of its own."""
    if connection.schema is not None and not connection.invalidated:
        connection.invalidate()
    connection.close()


@attrs.define(eq=False, repr=False)
class PooledConnection:
    """A connection of a pool, for a block.

    Args:
        pool: The pool.
        options: The execution options of the connection.
        statements: The number of SELECTs that may be executed without a transaction; None if the block begins one.
        schema: The schema whose tables are used; None for that of the engine.
    """

    _pool: ConnectionPool
    _options: ConnectionOptions
    _statements: int | None
    _schema: str | None
    _connection: CoreConnection | None = attrs.field(init=False, default=None)

    def __enter__(self) -> CoreConnection:
        self._connection = connection = self._pool.take(self._options, self._schema)
        # Without any, the unit runs again in a transaction.
        connection.statements_left = self._statements and self._statements * connection.has_schema_alone
        return connection

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        try:
            if isinstance(error, DBAPIError) and is_statement_stale(error):
                # The connections of all pools are lost too; the pool replaces them.
                connection.invalidate()
            if self._statements is not None:
                connection.end_statements()
        finally:
            if connection.on_return is not None:
                connection.on_return()
            self._pool.put_back(connection, self._options)
