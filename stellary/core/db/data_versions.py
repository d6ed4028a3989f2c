"""The memory of a connection to SQLite that lasts until anything is committed to the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from sqlalchemy import Connection

from stellary.core.db.direct_connection import DirectConnection

T = TypeVar("T")
_UNTIL_COMMIT = "stellary.until_commit"
"""The key of the object in the ``info`` of a driver connection, with the version of the data."""


def remember_until_commit(connection: Connection, create: Callable[[], T]) -> T | None:
    """Return an object of a connection that is replaced after a commit by any other connection, also of other processes.

    What the connection reads after the call may be stored in the object, and is up to date as long as a later call returns
    the same one. The connection must not write.

    Args:
        connection: The connection.
        create: Creates the object.

    Returns:
        The object; None on PostgreSQL, which does not tell whether anything was committed.
    """
    if not isinstance(connection, DirectConnection) or connection.dialect.name != "sqlite":
        return None
    driver = connection.find_driver()
    if driver is None:
        return None
    try:
        ((version,),) = driver.execute("PRAGMA data_version").fetchall()
    except connection.dialect.loaded_dbapi.Error:
        # The statement that reads the data raises its own error.
        return None
    info = connection.connection.info
    if _UNTIL_COMMIT not in info or info[_UNTIL_COMMIT][0] != version:
        info[_UNTIL_COMMIT] = version, create()
    return cast(T, info[_UNTIL_COMMIT][1])
