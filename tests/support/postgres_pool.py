"""Connections to PostgreSQL that outlive the test that opened them, since a new one is slow until it knows its tables.

A backend reads the catalogue before it plans its first statements, and plans each until it has been asked it some ten
times: a board takes a new connection four times as long as one that has made others. So what a test closes is handed to
the next test on the same database, set back to what it was when it was opened.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from typing import Any

import psycopg
from psycopg._preparing import PrepareManager
from psycopg.pq import TransactionStatus
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

KEPT_MAX = 3
"""Of each kind: few tests need more at once."""
_SET_BACK = "RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()"
_kept: defaultdict[str, list[psycopg.Connection]] = defaultdict(list)
_owner = os.getpid()
_known: dict[str, Any] = {}


class _Prepared(PrepareManager):
    """Statements that stay prepared: tests ask for more than an application, and roll back what the schema survives."""

    prepared_max = 5_000

    def _should_discard(self, *_: Any) -> bool:
        return False


def keep() -> None:
    """Let all engines of this process keep their connections to PostgreSQL for later ones."""
    PGDialect_psycopg.connect = _connected  # type: ignore[method-assign]
    PGDialect_psycopg.do_close = _closed  # type: ignore[method-assign]
    PGDialect_psycopg.do_terminate = lambda dialect, connection: connection.close()  # type: ignore[method-assign]
    PGDialect_psycopg.initialize = _initialized  # type: ignore[method-assign]


def backends(database: str) -> list[int]:
    """The processes of the server that wait for the next test."""
    return [each.info.backend_pid for each in _of(database)]


def forget(database: str) -> None:
    """Close the connections to a database."""
    for connection in _of(database):
        connection.close()
    for key in [key for key, kept in _kept.items() if any(each.closed for each in kept)]:
        del _kept[key]


def end() -> None:
    """Close all."""
    for kept in _kept.values():
        while kept:
            kept.pop().close()


def _of(database: str) -> list[psycopg.Connection]:
    return [
        each for kept in _kept.values() for each in kept if not each.closed and each.info.dbname == database
    ]


def _connected(dialect: Any, *arguments: Any, **options: Any) -> psycopg.Connection:
    # But for the converters, which each engine has of its own, and alike.
    key = repr((arguments, sorted((name, value) for name, value in options.items() if name != "context")))
    # A forked process has its parent's sockets, and may not speak on them.
    kept = _kept[key] if os.getpid() == _owner else []
    # Others may take them in the same moment.
    with suppress(IndexError):
        while True:
            connection = kept.pop()
            with suppress(psycopg.Error):
                connection.autocommit = True
                connection.execute("SELECT 1")
                connection.autocommit = False
                return connection
    connection = dialect.loaded_dbapi.connect(*arguments, **options)
    connection.kept_as = key
    threshold = connection.prepare_threshold
    connection._prepared = _Prepared()
    connection.prepare_threshold = threshold
    return connection


def _closed(dialect: Any, connection: Any) -> None:
    if not hasattr(connection, "kept_as"):
        # A host has made it.
        connection.close()
        return
    kept = _kept[connection.kept_as]
    idle = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
    if os.getpid() != _owner or not idle or len(kept) >= KEPT_MAX:
        connection.close()
        return
    try:
        connection.autocommit = True
        connection.execute(_SET_BACK)
        connection.autocommit = False
    except psycopg.Error:
        # The server has ended it meanwhile.
        connection.close()
        return
    connection.isolation_level = connection.read_only = None
    connection._notice_handlers.clear()
    kept.append(connection)


_initialize = PGDialect_psycopg.initialize


def _initialized(dialect: Any, connection: Any) -> None:
    """What a dialect asks the server at its first connection is asked once a process."""
    if not _known:
        before = dict(vars(dialect))
        _initialize(dialect, connection)
        _known.update(
            {name: value for name, value in vars(dialect).items() if before.get(name, _known) is not value}
        )
    vars(dialect).update(_known)
