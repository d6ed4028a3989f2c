"""A database whose units of work are savepoints of one transaction, which is rolled back.

The changes of a request are real, and can be discarded, so that the next request finds the world as it was.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from tests.support.core_parts import Database
from tests.support.tables import metadata

Dump = dict[str, object]


class Sandbox(Database):
    """A database whose changes can be discarded.

    Args:
        url: The URL of a migrated database.

    Attributes:
        statements: The number of statements so far, without savepoints.
        units: The number of units of work so far.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        for pool in self._pools:
            # The transaction of a test may take longer than a unit of work.
            pool._is_watched = False
        self._connection: Connection | None = None
        self._initial: Dump | None = None
        self._entered = self._begun = 0
        self._written: set[str] = set()
        # The threads of a server share the one connection.
        self._thread_lock = threading.RLock()
        self.statements = self.units = 0

    @property
    def has_readers(self) -> bool:
        """False, since units that only read share the connection of those that write."""
        return False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Roll back all changes at the end."""
        with self.open_raw() as connection, connection.begin() as transaction:
            if connection.dialect.name == "postgresql":
                # On a busy machine, minutes may pass between two tests that share the transaction.
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            self._connection = connection
            # All transactions begin with the same rows, since each is rolled back.
            self._initial = self._initial or self._dump(TABLES)
            self._entered = self._begun = 0
            self._written.clear()
            self._watch(connection)
            try:
                yield
            finally:
                for name in _EXECUTIONS:
                    delattr(connection, name)
                self._connection = None
                transaction.rollback()

    @contextmanager
    def discard_changes(self) -> Iterator[None]:
        """Discard the changes that are made inside, and keep those that the transaction made before."""
        with self._savepoint(keep=False):
            yield

    @contextmanager
    def _savepoint(self, *, keep: bool) -> Iterator[None]:
        """Undo the changes that are made inside after an exception, or if they are not to be kept."""
        with self._thread_lock:
            self._entered += 1
        try:
            yield
        except BaseException:
            keep = False
            raise
        finally:
            with self._thread_lock:
                if self._begun == self._entered:
                    driver = self._driver
                    if not keep:
                        driver.execute("ROLLBACK TO part")
                    driver.execute("RELEASE part")
                    self._begun -= 1
                self._entered -= 1

    def _watch(self, connection: Connection) -> None:
        """Call ``_before_statement`` for each statement of a connection.

        With a listener for events, SQLAlchemy would execute all statements, which takes several times as long.
        """

        def wrap(execute: Callable[..., Any], read_sql: Callable[..., str]) -> Callable[..., Any]:
            def run(first: Any, second: Any, *arguments: Any) -> Any:
                self._before_statement(read_sql(first, second))
                return execute(first, second, *arguments)

            return run

        for name, read_sql in _EXECUTIONS.items():
            setattr(connection, name, wrap(getattr(connection, name), read_sql))

    def _before_statement(self, statement: str) -> None:
        """Set the savepoints before the first statement that writes: most refused requests write nothing."""
        self.statements += 1
        if statement.startswith("SELECT"):
            return
        table = _ONE_TABLE.match(statement)
        self._written |= {table[1]} if table else TABLES
        for _number in range(self._begun, self._entered):
            # By the driver, since SQLAlchemy would compile the statement each time.
            self._driver.execute("SAVEPOINT part")
        self._begun = self._entered

    @property
    def connection(self) -> Connection:
        """Return the connection of the current transaction."""
        assert self._connection is not None
        return self._connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Begin a unit that may write."""
        self.units += 1
        if self._connection is None:
            with super().writing() as connection:
                yield connection
            return
        with self._thread_lock, self._savepoint(keep=True):
            yield self._connection

    def after_commit(self, due: Sequence[Callable[[], None]]) -> None:
        """Do nothing in a transaction that is rolled back: a deleted file is restored with its row."""
        if self._connection is None:
            super().after_commit(due)

    @contextmanager
    def reading(self, *, snapshot: bool = True) -> Iterator[Connection]:
        """Begin a unit that only reads, so that there is nothing to undo."""
        self.units += 1
        if self._connection is None:
            with super().reading(snapshot=snapshot) as connection:
                yield connection
            return
        with self._thread_lock:
            yield self._connection

    def find_changes(self) -> list[str]:
        """Return the tables whose rows differ from those at the beginning of the transaction."""
        assert self._initial is not None
        changes = [name for name, rows in self._dump(self._written).items() if rows != self._initial[name]]
        if not changes:
            self._written.clear()
        return changes

    @property
    def _driver(self) -> Any:
        """Return the connection of the driver."""
        return self.connection.connection.dbapi_connection

    def _dump(self, tables: Iterable[str]) -> Dump:
        """Return the rows of tables, or on PostgreSQL their digests."""
        driver, names = self._driver, sorted(tables)
        if self.is_sqlite:
            return {name: driver.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        return (
            dict(driver.execute(" UNION ALL ".join(map(_DIGEST.format, names))).fetchall()) if names else {}
        )


TABLES = set(metadata.tables)
_EXECUTIONS: Mapping[str, Callable[[Any, Any], str]] = {
    "_execute_plan": lambda plan, _: plan.sql,
    "_enqueue": lambda _, plan: plan.sql,
    "_exec_single_context": lambda _, context: context.statement,
    "_exec_insertmany_context": lambda _, context: context.statement,
}
"""The methods of a connection that execute or queue a statement, and how to read it from their first two arguments."""
_ONE_TABLE = re.compile(r"(?:INSERT INTO|UPDATE) (\w+)")
"""Matches a statement that writes the rows of one table. A deletion also writes others, which it cascades to."""
_DIGEST = "SELECT '{0}', md5(string_agg(r::text, '' ORDER BY r::text)) FROM {0} r"
