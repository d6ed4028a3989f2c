"""Engines of the host of an embedded core, which have their own settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

Open = Callable[[Engine], AbstractContextManager[Connection]]
"""A function that opens a connection of an engine."""


def reader_of(
    engine: Engine, open_connection: Open, options: Mapping[str, Any]
) -> Callable[[], AbstractContextManager[Connection]]:
    """Return a function that opens a PostgreSQL connection whose transactions are read-only and see one snapshot.

    Args:
        engine: The engine of the host.
        open_connection: Opens a connection of the engine.
        options: The execution options ``isolation_level`` and ``postgresql_readonly`` of such a connection.
    """
    level = getattr(engine.dialect, "_on_connect_isolation_level", None)
    if level is None:
        return partial(open_connection, engine.execution_options(**options))
    # SQLAlchemy does not reset the level of a connection correctly if the engine has another level than the server.
    return partial(_open_reader, engine, open_connection, options, level)


@contextmanager
def _open_reader(
    engine: Engine, open_connection: Open, options: Mapping[str, Any], level: Any
) -> Iterator[Connection]:
    dialect: Any = engine.dialect
    with open_connection(engine) as connection:
        driver = connection.connection.dbapi_connection
        dialect.set_isolation_level(driver, options["isolation_level"])
        dialect.set_readonly(driver, options["postgresql_readonly"])
        try:
            yield connection
        finally:
            if not connection.invalidated:
                dialect.set_readonly(driver, False)
                dialect.set_isolation_level(driver, level)


def limit_locks(connection: Connection, timeout: str) -> None:
    """Limit the time that this transaction waits for locks, unless the host has set a limit.

    Args:
        connection: A connection to PostgreSQL, in a transaction of the core.
        timeout: The limit in PostgreSQL's format.
    """
    # Executed by the driver, so that SQLAlchemy need not describe the cursor: each unit executes this statement.
    cursor = connection.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
    try:
        cursor.execute(
            f"SELECT set_config('lock_timeout', '{timeout}', true) WHERE current_setting('lock_timeout') = '0'"
        )
    finally:
        cursor.close()


def check_kind(database: object) -> None:
    """Check that a host passes something that synchronous code can use.

    Raises:
        ValueError: The URL names a driver of SQLite other than sqlite3.
        TypeError: It is neither a URL nor an engine, or an asynchronous engine.
    """
    if isinstance(database, str):
        if database.startswith("sqlite+"):
            raise ValueError("must look like sqlite:///file.db, without the name of a driver")
    elif not isinstance(database, Engine) or database.dialect.is_async:
        raise TypeError(
            "the database must be a URL or an Engine of SQLAlchemy; for an asynchronous engine pass the URL of its "
            "database, without the name of the driver: the core has connections of its own"
        )
