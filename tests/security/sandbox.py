"""A database whose units of work are savepoints of one transaction, which is thrown away.

What a request does is real, and gone a moment later: the next request finds the world as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from stellary.core.base import metadata
from stellary.core.database import Database

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
        self._unchanged = 0
        self.units = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside is thrown away at the end."""
        with self.unbegun() as connection, connection.begin() as transaction:
            self._connection = connection
            # All transactions begin alike, since each was thrown away: to look once is enough.
            self._first = self._first or self._dump()
            self._unchanged = self._written()
            try:
                yield
            finally:
                self._connection = None
                transaction.rollback()

    @contextmanager
    def thrown_away(self) -> Iterator[None]:
        """What is done inside is thrown away, and what the transaction held before stays."""
        with self._savepoint(keep=False):
            yield

    @contextmanager
    def _savepoint(self, *, keep: bool) -> Iterator[None]:
        """A part of the transaction, undone by itself on an exception, or anyway."""
        # Not SQLAlchemy's, which compiles these statements anew each time.
        driver = self._driver
        driver.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                driver.execute("ROLLBACK TO part")
            driver.execute("RELEASE part")

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
        with self._savepoint(keep=True):
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
        yield self._connection

    def changed(self) -> list[str]:
        """The tables that hold something else than they did when the transaction was begun."""
        assert self._first is not None
        # To look at all that there is takes longer than what is asked meanwhile, and few refusals have written at all.
        written = self._written()
        if written == self._unchanged:
            return []
        now = self._dump()
        found = [name for name, held in self._first.items() if held != now[name]]
        if not found:
            self._unchanged = written
        return found

    @property
    def _driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.dbapi_connection

    def _written(self) -> int:
        """How many rows the transaction has written so far, those included that were undone since."""
        driver = self._driver
        if self.is_sqlite:
            return int(driver.total_changes)
        return int(driver.execute(_WRITTEN).fetchone()[0])

    def _dump(self) -> Dump:
        """What every table holds."""
        if self.is_sqlite:
            cursor = self.connection.connection.cursor()
            return {name: cursor.execute(f"SELECT * FROM {name}").fetchall() for name in sorted(TABLES)}
        found = self.connection.exec_driver_sql(_DIGESTS)
        return dict(found.all())


TABLES = set(metadata.tables)
_WRITTEN = """
    SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
        + pg_stat_get_xact_tuples_deleted(oid))
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_DIGESTS = " UNION ALL ".join(
    f"SELECT '{name}', md5(string_agg(r::text, '' ORDER BY r::text)) FROM {name} r" for name in sorted(TABLES)
)
