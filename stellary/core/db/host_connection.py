"""Borrowed connections: the driver connections of a host without SQLAlchemy, such as Django, wrapped for units of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.util.concurrency import in_greenlet

OnCommit = Callable[[Callable[[], None]], object]
"""A function that is called with a function to run after the host's commit."""

_ON_COMMIT = "stellary_on_commit"
_DRIVER = "borrowed"
registry.register(f"sqlite.{_DRIVER}", "stellary.core.db.borrowed_dialects", "BorrowedSqlite")
registry.register(f"postgresql.{_DRIVER}", "stellary.core.db.borrowed_dialects", "BorrowedPostgres")


class Borrowing:
    """A factory of SQLAlchemy connections from driver connections, which the host commits, rolls back and closes.

    Args:
        url: The URL of the database, which determines the dialect.
    """

    def __init__(self, url: URL) -> None:
        self._here = threading.local()
        self._engine = create_engine(
            f"{url.get_backend_name()}+{_DRIVER}://",
            creator=lambda: self._here.driver,
            poolclass=NullPool,
            pool_reset_on_return=None,
            hide_parameters=True,
        )

    @contextmanager
    def borrowed(self, driver: Any, on_commit: OnCommit) -> Iterator[Connection]:
        """Wrap a driver connection as a SQLAlchemy connection for the block.

        Args:
            driver: The connection of sqlite3 or psycopg.
            on_commit: Registers a function to be called after the commit of the host.

        Raises:
            RuntimeError: It is not in a transaction that the host commits.
        """
        _check_transaction(driver)
        self._here.driver = driver
        with self._engine.connect() as connection:
            connection.info[_ON_COMMIT] = on_commit
            # The host's transaction is open, but SQLAlchemy does not know it.
            with connection.begin():
                yield connection


def check_host_connection(connection: Connection) -> None:
    """Check that a unit can use a connection of the host now.

    Raises:
        TypeError: It is a session, or the asynchronous wrapper of a connection.
        RuntimeError: It is asynchronous, and not used in ``run_sync``; or it is borrowed, and the host has ended the
            transaction in the meantime.
    """
    check_is_connection(connection)
    if connection.dialect.is_async and not in_greenlet():
        raise RuntimeError(
            "the connection is asynchronous: use it in a function that AsyncSession.run_sync calls"
        )
    if on_commit_of(connection) is not None:
        _check_transaction(connection.connection.dbapi_connection)


def check_is_connection(connection: object) -> None:
    """Check the type of what a host passes as its connection.

    Raises:
        TypeError: It is a session, or the asynchronous wrapper of a connection.
    """
    if not isinstance(connection, Connection):
        raise TypeError(
            f"the connection must be a Connection of SQLAlchemy, not {type(connection).__name__}: pass "
            "session.connection(), in the function of run_sync if the session is asynchronous"
        )


def _check_transaction(driver: Any) -> None:
    if driver is None:
        raise RuntimeError(
            "the connection is None: the host has not opened it yet (in Django: connection.ensure_connection())"
        )
    if not _is_in_transaction(driver):
        raise RuntimeError(
            "the connection is not in a transaction, so changes on it would not be committed: "
            "begin one first (in Django: transaction.atomic())"
        )


def _is_in_transaction(driver: Any) -> bool:
    """Return whether a transaction that the host commits is open, or begins with the next statement."""
    if hasattr(driver, "in_transaction"):
        # sqlite3, whose driver does not begin a transaction before the statements of the core.
        return bool(driver.in_transaction)
    status = driver.info.transaction_status.name
    return status in ("INTRANS", "ACTIVE") or (status == "IDLE" and not driver.autocommit)


def is_within_transaction(driver: Any) -> bool:
    """Return whether a driver's connection is in a transaction that has begun, failed ones included."""
    if hasattr(driver, "info"):
        return driver.info.transaction_status.name in ("INTRANS", "ACTIVE", "INERROR")
    return bool(driver.in_transaction)


def on_commit_of(connection: Connection) -> OnCommit | None:
    """Return the ``on_commit`` function of a borrowed connection; None if it is not borrowed."""
    on_commit: OnCommit | None = connection.info.get(_ON_COMMIT)
    return on_commit
