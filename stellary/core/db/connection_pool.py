"""A pool of connections that stay open between units of work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from stellary.contract.errors import Unavailable
from stellary.core.db import forks, watchdog
from stellary.core.db.direct_connection import DirectConnection
from stellary.core.db.errors import is_statement_stale
from stellary.core.db.fair_lock import FairSemaphore
from stellary.core.db.statement_plans import Plans

NO_OPTIONS: Mapping[str, Any] = {}


class ConnectionPool:
    """Connections that stay open between units, since opening and closing one costs as much as two statements.

    Args:
        engine: The engine that opens the connections.
        size: The maximum number of connections in use; the engine must be able to open as many.
        wait: The maximum number of seconds that a unit waits for a connection.
        same_server: Other pools of the same server: if one connection is lost, the idle ones of all pools are closed.
    """

    def __init__(
        self, engine: Engine, size: int, wait: float, same_server: Sequence[ConnectionPool] = ()
    ) -> None:
        self._engine = engine
        self._plans: Plans = Plans()
        self._size = size
        self._turns = FairSemaphore(size)
        self._wait = wait
        self._same_server = same_server
        # The watchdog shuts down sockets, which SQLite does not have.
        self._is_watched = engine.dialect.name != "sqlite"
        self._mutex = threading.Lock()
        self._idle: list[tuple[Mapping[str, Any], DirectConnection]] = []

    @contextmanager
    def connect(self, options: Mapping[str, Any] = NO_OPTIONS) -> Iterator[DirectConnection]:
        """Provide a connection for the block.

        Args:
            options: The execution options of the connection, always the same object for the same options.

        Yields:
            The connection.

        Raises:
            Unavailable: No connection was free for too long.
        """
        if not self._turns.acquire(timeout=self._wait):
            raise Unavailable("the database is busy; try again", retry_after=1)
        try:
            connection = self._take(options)
            ticket = self._is_watched and watchdog.watch(connection.connection.dbapi_connection)
            try:
                yield connection
            except DBAPIError as error:
                if is_statement_stale(error):
                    # The connections of all pools are lost too; ``_put_back`` replaces them.
                    connection.invalidate()
                raise
            finally:
                if ticket is not False:
                    watchdog.forget(ticket)
                self._put_back(connection, options)
        finally:
            self._turns.release()

    def _take(self, options: Mapping[str, Any]) -> DirectConnection:
        with self._mutex:
            # Setting options takes as long as a statement, so a connection that has them already is preferred.
            positions = (index for index, (present, _) in enumerate(self._idle) if present is options)
            present, connection = self._idle.pop(next(positions, -1)) if self._idle else (NO_OPTIONS, None)
        if connection is None:
            connection = DirectConnection(self._engine, self._plans)
        if present is not options:
            connection.execution_options(**options)
        return connection

    def _put_back(self, connection: DirectConnection, options: Mapping[str, Any]) -> None:
        if connection.invalidated:
            # The server has restarted or is down: the other connections are lost, too.
            connection.close()
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
        self._idle = []
        self.renew_locks()

    def renew_locks(self) -> None:
        """Replace the locks, which threads of the parent may hold."""
        self._turns, self._mutex = FairSemaphore(self._size), threading.Lock()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()
