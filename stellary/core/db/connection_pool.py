"""A pool of connections that stay open between units."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from stellary.contract.errors import Unavailable
from stellary.core.db import forks, watchdog
from stellary.core.db.fair_lock import FairSemaphore

AS_IT_IS: Mapping[str, Any] = {}
"""Options that change nothing."""


class Connections:
    """Connections of an engine that stay open between units: opening one and closing it costs two statements.

    Args:
        engine: Where they come from.
        most: How many may be in use at once; the engine must have as many to give.
        wait: For how many seconds one waits for its turn.
        same_server: Others that lead to the same server: if one connection is lost, the idle ones of all are closed.
    """

    def __init__(
        self, engine: Engine, most: int, wait: float, same_server: Sequence[Connections] = ()
    ) -> None:
        self._engine = engine
        self._most = most
        self._turns = FairSemaphore(most)
        self._wait = wait
        self._same_server = same_server
        # What a file does not answer, nothing would break off.
        self._watches = engine.dialect.name != "sqlite"
        self._mutex = threading.Lock()
        self._idle: list[tuple[Mapping[str, Any], Connection]] = []

    @contextmanager
    def one(self, options: Mapping[str, Any] = AS_IT_IS) -> Iterator[Connection]:
        """One of them, with these execution options.

        Raises:
            Unavailable: None was free for too long.
        """
        if not self._turns.acquire(timeout=self._wait):
            raise Unavailable("the database is busy; try again", retry_after=1)
        try:
            connection = self._take(options)
            watched = self._watches and watchdog.watch(connection.connection.dbapi_connection)
            try:
                yield connection
            finally:
                if watched is not False:
                    watchdog.forget(watched)
                self._put_back(connection, options)
        finally:
            self._turns.release()

    def _take(self, options: Mapping[str, Any]) -> Connection:
        with self._mutex:
            # To set options takes as long as a statement: one that has them is preferred.
            places = (place for place, (had, _) in enumerate(self._idle) if had is options)
            had, connection = self._idle.pop(next(places, -1)) if self._idle else (AS_IT_IS, None)
        if connection is None:
            connection = self._engine.connect()
        return connection if had is options else connection.execution_options(**options)

    def _put_back(self, connection: Connection, options: Mapping[str, Any]) -> None:
        if connection.invalidated:
            # The server is gone, or was: the others are of no use either.
            connection.close()
            for connections in (self, *self._same_server):
                connections.close()
            return
        with self._mutex:
            self._idle.append((options, connection))

    def pause(self, timeout: float) -> bool:
        """Wait until none is in use, and hand none out until ``resume``; False if that takes longer.

        Args:
            timeout: Seconds to wait for each.
        """
        for taken in range(self._most):
            if not self._turns.acquire(timeout=timeout):
                self._release(taken)
                return False
        return True

    def resume(self) -> None:
        """Hand them out again after a pause."""
        self._release(self._most)

    def _release(self, turns: int) -> None:
        for _ in range(turns):
            self._turns.release()

    def abandon(self) -> None:
        """Leave all connections to the parent of this process."""
        forks.abandon(self._idle)
        self._idle = []
        self.renew_locks()

    def renew_locks(self) -> None:
        """Have locks again that no thread of the parent holds."""
        self._turns, self._mutex = FairSemaphore(self._most), threading.Lock()

    def close(self) -> None:
        """Close those that are not in use."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()
