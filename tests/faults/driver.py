"""The SQLite driver apsw behind the interface that SQLAlchemy expects of the standard library's ``sqlite3``.

It brings its own SQLite, whose file system can be written in Python. Only what the core uses is here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import apsw

Error = sqlite3.Error


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


class Cursor:
    """A cursor that has read all rows by the time ``execute`` returns."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        driver = self._connection.driver
        cursor = driver.cursor()
        self.description = None

        def describe(running: apsw.Cursor, *_: Any) -> bool:
            self.description = [(name, *[None] * 6) for name, _ in running.get_description()] or None
            return True

        # Asked before the first step: of a statement without rows nothing is known afterwards.
        cursor.exec_trace = describe
        before = driver.total_changes()
        with _translate_errors():
            self._rows = list(cursor.execute(self._connection.rewrite(sql), tuple(parameters)))
        self.rowcount = driver.changes() if driver.total_changes() != before else 0
        self.lastrowid = driver.last_insert_rowid()
        self._rows.reverse()
        return self

    def executemany(self, sql: str, many: Sequence[Sequence[Any]]) -> Cursor:
        count = 0
        for parameters in many:
            count += self.execute(sql, parameters).rowcount
        self.rowcount = count
        return self

    def fetchone(self) -> Any:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        return [self._rows.pop() for _ in range(min(size, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows[::-1], []
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def close(self) -> None:
        self._rows = []


class Connection:
    """A connection on which only a BEGIN statement begins a transaction."""

    isolation_level: str | None = None

    def __init__(self, driver: apsw.Connection, rewrite: Callable[[str], str]) -> None:
        self.driver = driver
        self.rewrite = rewrite

    @property
    def in_transaction(self) -> bool:
        return self.driver.in_transaction

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, count: int, function: Any, *, deterministic: bool = False) -> None:
        self.driver.create_scalar_function(name, function, count, deterministic=deterministic)

    def close(self) -> None:
        self.driver.close()


def module(vfs: str, rewrite: Callable[[str], str]) -> SimpleNamespace:
    """Return an object that SQLAlchemy accepts as the driver's module.

    Args:
        vfs: The name of the file system that connections use.
        rewrite: Called with each statement before it is run.
    """

    def connect(path: str, *, timeout: float = 5.0, **_: Any) -> Connection:
        driver = apsw.Connection(str(path), vfs=vfs)
        driver.set_busy_timeout(round(timeout * 1000))
        return Connection(driver, rewrite)

    names = ("Error", "IntegrityError", "OperationalError", "ProgrammingError", "InterfaceError", "DataError")
    names = (*names, "DatabaseError", "InternalError", "NotSupportedError", "Binary", "PARSE_DECLTYPES")
    return SimpleNamespace(
        connect=connect,
        paramstyle="qmark",
        sqlite_version_info=tuple(map(int, apsw.sqlite_lib_version().split("."))),
        PARSE_COLNAMES=sqlite3.PARSE_COLNAMES,
        **{name: getattr(sqlite3, name) for name in names},
    )
