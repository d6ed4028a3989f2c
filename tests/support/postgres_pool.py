"""A pool of PostgreSQL connections that outlive their test, since a new connection is slow until it knows its tables.

A backend reads the catalogue before it plans its first statements, and plans each statement again for about ten runs:
creating a board on a new connection takes four times as long. So a connection that a test closes is reset and handed to
the next test on the same database.
"""

import os
import select
from collections import defaultdict
from contextlib import suppress
from typing import Any

import psycopg
from psycopg._preparing import PrepareManager
from psycopg.pq import TransactionStatus
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

KEPT_MAX = 8
"""Of each kind: few tests need more at once."""
_SET_BACK = "RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()"
_idle: defaultdict[str, list[psycopg.Connection]] = defaultdict(list)
_owner = os.getpid()
_server_facts: dict[str, Any] = {}


class _Prepared(PrepareManager):
    """Statements that stay prepared: tests ask for more than an application, and roll back what the schema survives."""

    prepared_max = 5_000

    def clear(self) -> bool:
        return False

    def _should_discard(self, *_: Any) -> bool:
        return False


def keep() -> None:
    """Let all engines of this process keep their connections to PostgreSQL for later ones."""
    PGDialect_psycopg.connect = _connect  # type: ignore[method-assign]
    PGDialect_psycopg.do_close = _close  # type: ignore[method-assign]
    PGDialect_psycopg.do_terminate = lambda dialect, connection: connection.close()  # type: ignore[method-assign]
    PGDialect_psycopg.initialize = _initialize_once  # type: ignore[method-assign]


def backends(database: str) -> list[int]:
    """Return the process ids of the server's idle backends of a database."""
    return [connection.info.backend_pid for connection in _of(database)]


def is_alive(connection: psycopg.Connection) -> bool:
    """Return whether the server has not ended an idle connection, which would make its socket readable."""
    return not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]


def forget(database: str) -> None:
    """Close the connections to a database."""
    for connection in _of(database):
        connection.close()
    for key in [
        key for key, connections in _idle.items() if any(connection.closed for connection in connections)
    ]:
        del _idle[key]


def end() -> None:
    """Close all idle connections."""
    for connections in _idle.values():
        while connections:
            connections.pop().close()


def _of(database: str) -> list[psycopg.Connection]:
    return [
        connection
        for connections in _idle.values()
        for connection in connections
        if not connection.closed and connection.info.dbname == database
    ]


def _connect(dialect: Any, *arguments: Any, **options: Any) -> psycopg.Connection:
    # Without the converters: each engine has its own, but they are equal.
    key = repr((arguments, sorted((name, value) for name, value in options.items() if name != "context")))
    # A forked process shares its parent's sockets, and must not use them.
    idle = _idle[key] if os.getpid() == _owner else []
    # Another thread may take the last one. The first is taken, so that a core's writer stays a writer and knows its statements.
    with suppress(IndexError):
        while True:
            connection = idle.pop(0)
            if is_alive(connection):
                return connection
            connection.close()
    connection = dialect.loaded_dbapi.connect(*arguments, **options)
    connection.kept_as = key
    threshold = connection.prepare_threshold
    connection._prepared = _Prepared()
    # A test that says when statements are prepared is about that; the others prepare them at once.
    connection.prepare_threshold = 0 if threshold == PrepareManager.prepare_threshold else threshold
    return connection


def _close(dialect: Any, connection: Any) -> None:
    if not hasattr(connection, "kept_as"):
        # A host application has opened it.
        connection.close()
        return
    idle_connections = _idle[connection.kept_as]
    idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
    if os.getpid() != _owner or not idle or len(idle_connections) >= KEPT_MAX:
        connection.close()
        return
    try:
        connection.autocommit = True
        connection.execute(_SET_BACK, prepare=False)
        connection.autocommit = False
    except psycopg.Error:
        # The server has closed the connection.
        connection.close()
        return
    connection.isolation_level = connection.read_only = None
    connection._notice_handlers.clear()
    # Signals of the test.
    connection._notifies_backlog.clear()
    idle_connections.append(connection)


_initialize = PGDialect_psycopg.initialize


def _initialize_once(dialect: Any, connection: Any) -> None:
    """Initialize a dialect with the facts that the first dialect of the process has asked the server for."""
    if not _server_facts:
        before = dict(vars(dialect))
        _initialize(dialect, connection)
        _server_facts.update(
            {
                name: value
                for name, value in vars(dialect).items()
                if before.get(name, _server_facts) is not value
            }
        )
    vars(dialect).update(_server_facts)
