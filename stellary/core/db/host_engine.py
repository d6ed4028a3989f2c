"""Engines that the host of an embedded core has made, with settings of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

Open = Callable[[Engine], AbstractContextManager[Connection]]
"""Opens a connection of an engine."""


def reader_of(
    engine: Engine, open_connection: Open, options: Mapping[str, Any]
) -> Callable[[], AbstractContextManager[Connection]]:
    """Return what opens a connection to PostgreSQL whose transactions see one snapshot, and write nothing.

    Args:
        engine: The host's.
        open_connection: Opens a connection of it.
        options: The execution options ``isolation_level`` and ``postgresql_readonly`` of such a connection.
    """
    level = getattr(engine.dialect, "_on_connect_isolation_level", None)
    if level is None:
        return partial(open_connection, engine.execution_options(**options))
    # SQLAlchemy fails to reset the level of a connection if the engine was made with another one than the server's.
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
    """Let this transaction wait for locks of others only so long, unless the host has set a limit itself.

    Args:
        connection: To PostgreSQL, in a transaction of ours.
        timeout: As PostgreSQL spells it.
    """
    # By the driver, whose cursor SQLAlchemy need not describe: there is one such statement per unit.
    cursor = connection.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
    try:
        cursor.execute(
            f"SELECT set_config('lock_timeout', '{timeout}', true) WHERE current_setting('lock_timeout') = '0'"
        )
    finally:
        cursor.close()
