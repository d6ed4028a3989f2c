"""Borrowed connections: those of a host that does not use SQLAlchemy, such as Django's, as a unit of work takes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine

OnCommit = Callable[[Callable[[], None]], object]
"""Called with what is to be done once the host has committed."""

_ON_COMMIT = "stellary_on_commit"


class Borrowing:
    """Makes SQLAlchemy's connections of a driver's own, which stay the host's to commit, to roll back and to close.

    Args:
        url: Says which database it is.
    """

    def __init__(self, url: URL) -> None:
        self._here = threading.local()
        self._engine = create_engine(
            f"{url.get_backend_name()}+{url.get_driver_name()}://",
            creator=lambda: self._here.driver,
            poolclass=NullPool,
            pool_reset_on_return=None,
            hide_parameters=True,
        )
        dialect: Any = self._engine.dialect
        for what_is_the_hosts in ("do_begin", "do_commit", "do_rollback", "do_close", "do_terminate"):
            setattr(dialect, what_is_the_hosts, lambda _: None)

    @contextmanager
    def borrowed(self, driver: Any, on_commit: OnCommit) -> Iterator[Connection]:
        """Wrap the driver's connection as one of SQLAlchemy's, until the end of the block.

        Args:
            driver: The connection of sqlite3 or psycopg.
            on_commit: Registers a function to be called after the commit of the host.

        Raises:
            RuntimeError: It is in no transaction that the host will commit.
        """
        _check_transaction(driver)
        self._here.driver = driver
        with self._engine.connect() as connection:
            connection.info[_ON_COMMIT] = on_commit
            # In the host's transaction, of which SQLAlchemy knows nothing.
            with connection.begin():
                yield connection


def check_borrowed(connection: Connection) -> None:
    """Check that a connection, if it is borrowed, is still in a transaction of the host's.

    Raises:
        RuntimeError: The host has ended the transaction meanwhile.
    """
    if on_commit_of(connection) is not None:
        _check_transaction(connection.connection.dbapi_connection)


def _check_transaction(driver: Any) -> None:
    if driver is None:
        raise RuntimeError(
            "the connection is None: the host has not opened it yet (in Django: connection.ensure_connection())"
        )
    if not _is_in_transaction(driver):
        raise RuntimeError(
            "the connection is in no transaction, so nobody would commit what is written on it: "
            "begin one first (in Django: transaction.atomic())"
        )


def _is_in_transaction(driver: Any) -> bool:
    """Return whether the host commits the present transaction, or the one that the next statement begins."""
    if hasattr(driver, "in_transaction"):
        # sqlite3. Its driver begins none before a statement of ours.
        return bool(driver.in_transaction)
    status = driver.info.transaction_status.name
    return status in ("INTRANS", "ACTIVE") or (status == "IDLE" and not driver.autocommit)


def is_within_transaction(driver: Any) -> bool:
    """Return whether a driver's connection is in a transaction that has begun, failed ones included."""
    if hasattr(driver, "info"):
        return driver.info.transaction_status.name in ("INTRANS", "ACTIVE", "INERROR")
    return bool(driver.in_transaction)


def on_commit_of(connection: Connection) -> OnCommit | None:
    """Return the function that registers work for after a borrowed connection's commit; None if it is not borrowed."""
    on_commit: OnCommit | None = connection.info.get(_ON_COMMIT)
    return on_commit
