"""A pool of SQLite connections that outlive their test, since a new connection is slow until it knows its tables.

A connection parses the whole schema before its first statement, and compiles each statement once: in a typical test,
that takes longer than all of its calls. So a connection that a test closes is handed to the next test on the same file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

Key: TypeAlias = tuple[str, float]
"""The file of a connection, and its timeout, which differs between the writer and the readers of a core."""

KEPT_MAX = 3
"""Of each key: a core has at most three readers."""
STATEMENTS_MAX = 1_000
"""Compiled statements of a connection."""
_files: set[str] = set()
_idle: defaultdict[Key, list[PooledConnection]] = defaultdict(list)
_open: dict[int, str] = {}
_owner = os.getpid()
_forking = threading.Event()


class PooledConnection(sqlite3.Connection):
    """A connection of a core. It ignores what would change nothing, but invalidate its compiled statements."""

    key: Key
    is_like_sensitive = False

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Execute a statement, unless it only repeats how LIKE compares."""
        if sql == "PRAGMA case_sensitive_like=ON":
            if self.is_like_sensitive:
                return self.cursor()
            self.is_like_sensitive = True
        return super().execute(sql, *parameters)

    def create_function(self, name: str, narg: int, func: Callable[..., Any] | None, **options: bool) -> None:
        """Create a function, unless there is one: SQLAlchemy creates the same functions for each engine."""
        names = self.__dict__.setdefault("functions", set())
        if name not in names:
            super().create_function(name, narg, func, **options)
            names.add(name)


def keep() -> None:
    """Let the engines of this process keep the connections of cores for later ones."""
    SQLiteDialect_pysqlite.connect = _connect  # type: ignore[method-assign]
    SQLiteDialect_pysqlite.do_close = _close  # type: ignore[method-assign]
    # A child must not inherit open files of SQLite.
    os.register_at_fork(before=_prepare_fork, after_in_parent=_forking.clear)


def keep_file(path: str) -> None:
    """Keep the connections to a file until ``forget``."""
    _files.add(path)


def can_reuse(path: str) -> bool:
    """Return whether a file is still kept, and engines have closed all connections to it."""
    return path in _files and path not in _open.values()


def forget(path: str) -> None:
    """Close the idle connections to a file, and keep none any more."""
    _files.discard(path)
    for key in [key for key in _idle if key[0] == path]:
        for connection in _idle.pop(key):
            connection.close()
    for number in [number for number, file in _open.items() if file == path]:
        del _open[number]


def _connect(dialect: Any, path: str, **options: Any) -> sqlite3.Connection:
    if dialect.loaded_dbapi is not sqlite3.dbapi2:
        # Another library, or an asynchronous driver: the file is not used again.
        forget(path)
    if path not in _files or os.getpid() != _owner:
        return dialect.loaded_dbapi.connect(path, **options)
    # The engines of cores set a timeout; the connections of others have settings of their own.
    connection = _take(path, options) if "timeout" in options else sqlite3.connect(path, **options)
    _open[id(connection)] = path
    return connection


def _take(path: str, options: dict[str, Any]) -> PooledConnection:
    key = (path, options["timeout"])
    try:
        # Another thread may take the last one.
        return _idle[key].pop()
    except IndexError:
        pass
    connection = sqlite3.connect(path, factory=PooledConnection, cached_statements=STATEMENTS_MAX, **options)
    connection.key = key
    return connection


def _close(dialect: Any, connection: Any) -> None:
    path = _open.pop(id(connection), None)
    if not isinstance(connection, PooledConnection) or path not in _files or os.getpid() != _owner:
        connection.close()
        return
    idle = _idle[connection.key]
    if _forking.is_set() or connection.in_transaction or len(idle) >= KEPT_MAX:
        connection.close()
        return
    # A test may have set it on a writer; cores set it on their readers only.
    connection.execute("PRAGMA query_only=OFF")
    idle.append(connection)


def _prepare_fork() -> None:
    """Close the idle connections, before the hooks of the product close the others."""
    _forking.set()
    for connections in _idle.values():
        while connections:
            connections.pop().close()
