"""A database whose units of work are savepoints of one transaction, which is thrown away.

What a request does is real, and gone a moment later: the next request finds the world as it was.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from stellary.core.db.base import metadata
from stellary.core.db.database import Database

Dump = dict[str, object]


class Sandbox(Database):
    """A database that can be played in.

    Args:
        url: Of a migrated database.

    Attributes:
        units: How many units of work have been begun.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connection: Connection | None = None
        self._first: Dump | None = None
        self._open = self._begun = 0
        self._written: set[str] = set()
        # A server over the sandbox works in several threads, which take turns on the one connection.
        self._turn_of_thread = threading.RLock()
        self.units = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside is thrown away at the end."""
        with self.unbegun() as connection, connection.begin() as transaction:
            if connection.dialect.name == "postgresql":
                # On a busy machine, minutes may pass between two tests that share the transaction.
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            self._connection = connection
            # All transactions begin alike, since each was thrown away: to look once is enough.
            self._first = self._first or self._dump(TABLES)
            self._open = self._begun = 0
            self._written.clear()
            event.listen(connection, "before_cursor_execute", self._hear)
            try:
                yield
            finally:
                event.remove(connection, "before_cursor_execute", self._hear)
                self._connection = None
                transaction.rollback()

    @contextmanager
    def thrown_away(self) -> Iterator[None]:
        """What is done inside is thrown away, and what the transaction held before stays."""
        with self._part(keep=False):
            yield

    @contextmanager
    def _part(self, *, keep: bool) -> Iterator[None]:
        """A part of the transaction, undone by itself on an exception, or anyway."""
        with self._turn_of_thread:
            self._open += 1
        try:
            yield
        except BaseException:
            keep = False
            raise
        finally:
            with self._turn_of_thread:
                if self._begun == self._open:
                    driver = self._driver
                    if not keep:
                        driver.execute("ROLLBACK TO part")
                    driver.execute("RELEASE part")
                    self._begun -= 1
                self._open -= 1

    def _hear(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        """Begin the parts that are open, now that there is something to be undone: most refusals have written nothing."""
        if statement.startswith("SELECT"):
            return
        written = _ONE_TABLE.match(statement)
        self._written |= {written[1]} if written else TABLES
        for _number in range(self._begun, self._open):
            # Not SQLAlchemy's, which compiles these statements anew each time.
            self._driver.execute("SAVEPOINT part")
        self._begun = self._open

    @property
    def connection(self) -> Connection:
        """That of the transaction that is open."""
        assert self._connection is not None
        return self._connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A unit that may write."""
        self.units += 1
        if self._connection is None:
            with super().writing() as own:
                yield own
            return
        with self._turn_of_thread, self._part(keep=True):
            yield self._connection

    def after_commit(self, due: Sequence[Callable[[], None]]) -> None:
        """Nothing, where nothing is committed: a file that was deleted is there again with its row."""
        if self._connection is None:
            super().after_commit(due)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A unit that only reads, so that there is nothing to be undone."""
        self.units += 1
        if self._connection is None:
            with super().reading() as own:
                yield own
            return
        with self._turn_of_thread:
            yield self._connection

    def changed(self) -> list[str]:
        """The tables that hold something else than they did when the transaction was begun."""
        assert self._first is not None
        now = self._dump(self._written)
        found = [name for name, held in now.items() if held != self._first[name]]
        if not found:
            self._written.clear()
        return found

    @property
    def _driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.dbapi_connection

    def _dump(self, tables: Iterable[str]) -> Dump:
        """What some tables hold."""
        driver, names = self._driver, sorted(tables)
        if self.is_sqlite:
            return {name: driver.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        return (
            dict(driver.execute(" UNION ALL ".join(map(_DIGEST.format, names))).fetchall()) if names else {}
        )


TABLES = set(metadata.tables)
_ONE_TABLE = re.compile(r"(?:INSERT INTO|UPDATE) (\w+)")
"""Whose rows alone a statement writes: with what is deleted goes what belongs to it."""
_DIGEST = "SELECT '{0}', md5(string_agg(r::text, '' ORDER BY r::text)) FROM {0} r"
