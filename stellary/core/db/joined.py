"""The host's transactions that units have joined. While one is open, a separate unit could wait for it forever."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Transaction

from stellary.core.db.host_connection import is_within_transaction, on_commit_of


class _Joined:
    """A transaction that a unit has joined: of SQLAlchemy, or of the driver for a borrowed connection.

    Args:
        owner: SQLAlchemy's transaction, or the driver's connection.
    """

    def __init__(self, owner: Any) -> None:
        self.is_committed = False
        self._refer: Callable[[], Any]
        try:
            self._refer = weakref.ref(owner)
        except TypeError:
            # sqlite3 does not support weak references to its connections.
            self._refer = lambda: owner

    @property
    def owner(self) -> Any:
        return self._refer()

    @property
    def is_open(self) -> bool:
        owner = self.owner
        # A transaction object that was collected has been rolled back.
        if owner is None or self.is_committed:
            return False
        if isinstance(owner, Transaction):
            return owner.is_active
        try:
            return is_within_transaction(owner)
        except sqlite3.ProgrammingError:
            # The host has closed the connection.
            return False

    def note_commit(self) -> None:
        self.is_committed = True


# A context variable, since each task of a thread may have its own transactions.
_joined: ContextVar[tuple[_Joined, ...]] = ContextVar("stellary_joined", default=())


def note_joined(connection: Connection) -> None:
    """Record that a unit joins the transaction of this connection."""
    on_commit = on_commit_of(connection)
    owner: Any = connection.get_transaction() if on_commit is None else connection.connection.dbapi_connection
    still_open = _still_open()
    if any(joined.owner is owner for joined in still_open):
        return
    joined = _Joined(owner)
    if on_commit is not None:
        on_commit(joined.note_commit)
    _joined.set((*still_open, joined))


def check_not_joined() -> None:
    """Check that no unit of this thread or task has joined a transaction that is still open.

    Raises:
        RuntimeError: A unit has.
    """
    still_open = _still_open()
    _joined.set(still_open)
    if still_open:
        raise RuntimeError(
            "a unit of work has joined a transaction of yours that is still open: pass its connection to this unit "
            "too, or end the transaction first. In a separate transaction, this unit could wait for yours forever"
        )


def _still_open() -> tuple[_Joined, ...]:
    return tuple(joined for joined in _joined.get() if joined.is_open)
