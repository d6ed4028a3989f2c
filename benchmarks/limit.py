"""The limit of a request: its statements, executed by the driver alone on a copy of the database."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import attrs
import psycopg
from sqlalchemy import Engine, event

from benchmarks.databases import Database, Databases, Kind
from benchmarks.project import SECRET, Site, seed_database
from stellary.contract.port import RawRequest
from stellary.core import Core

WRITES = ("create", "move", "turn")
_NAMED = re.compile(r"%\((\w+)\)s|%%")


@attrs.frozen
class Statement:
    """A statement for the driver.

    Attributes:
        sql: With the driver's own placeholders.
        rows: Its parameters: several if it is executed once for each.
    """

    sql: str
    rows: Sequence[Sequence[Any]]


@attrs.frozen
class Cost:
    """The processor time of a request, in microseconds.

    Attributes:
        client: The driver's time in this process.
        backend: The time of PostgreSQL's process; 0 on SQLite, which runs in this process.
    """

    client: float
    backend: float


class Client:
    """A caller that sends the requests of a site to a core in the same process.

    Args:
        core: The core.
        site: The content of its database.
    """

    def __init__(self, core: Core, site: Site) -> None:
        self._port = core.port()
        self._headers = {"authorization": f"Bearer {site.token}", "content-type": "application/json"}
        self._site = site
        self._requests: dict[str, Iterator[bytes]] = {}

    def send(self, name: str) -> None:
        """Send the next request of a kind.

        Raises:
            RuntimeError: The status is not 2xx.
        """
        if name not in self._requests:
            self._requests[name] = self._site.clients(name, 1)[0]
        head, _, body = next(self._requests[name]).partition(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        response = self._port.send(RawRequest(method, path, "", dict(self._headers), body))
        if response.status >= 300:
            raise RuntimeError(f"{name}: {response.status} {response.body!r}")

    def collect_statements(self, name: str) -> list[Statement]:
        """Send a request, and return the statements that it has executed, without those that begin and end transactions."""
        statements: list[Statement] = []

        def collect(_: object, __: object, sql: str, parameters: Any, ___: object, is_several: bool) -> None:
            statements.append(_make_statement(sql, parameters if is_several else [parameters]))

        event.listen(Engine, "before_cursor_execute", collect)
        try:
            self.send(name)
        finally:
            event.remove(Engine, "before_cursor_execute", collect)
        return statements


class _Driver(Protocol):
    """A connection of a driver that begins no transactions by itself."""

    def execute(self, statement: Statement) -> None: ...

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def backend_seconds(self) -> float: ...

    def close(self) -> None: ...


class _Sqlite:
    """The standard library's driver, with the settings that the core uses.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._connection = sqlite3.connect(database.plain, isolation_level=None, cached_statements=500)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            self._connection.execute(f"PRAGMA {setting}")

    def execute(self, statement: Statement) -> None:
        if len(statement.rows) == 1:
            self._connection.execute(statement.sql, statement.rows[0]).fetchall()
        else:
            self._connection.executemany(statement.sql, statement.rows)

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def backend_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        self._connection.close()


class _Psycopg:
    """psycopg with prepared statements and PostgreSQL's own placeholders, its cheapest form.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._connection = psycopg.connect(
            database.plain, autocommit=True, prepare_threshold=0, cursor_factory=psycopg.RawCursor
        )
        self._connection.prepared_max = None
        self._clock = ~self._connection.info.backend_pid << 3 | 2

    def execute(self, statement: Statement) -> None:
        if len(statement.rows) == 1:
            cursor = self._connection.execute(statement.sql.encode(), statement.rows[0])
            if cursor.description:
                cursor.fetchall()
        else:
            self._connection.cursor().executemany(statement.sql.encode(), statement.rows)

    def begin(self) -> None:
        self._connection.execute(b"BEGIN")

    def commit(self) -> None:
        self._connection.execute(b"COMMIT")

    def backend_seconds(self) -> float:
        return time.clock_gettime(self._clock)

    def close(self) -> None:
        self._connection.close()


class Limit:
    """Requests whose statements the driver executes on a copy of the database, in the same order.

    The core executes each request first; so the copy gets the same rows, and a statement changes as many rows as in the core.

    Args:
        client: A caller of the core.
        driver: A connection to the copy.
    """

    def __init__(self, client: Client, driver: _Driver) -> None:
        self._client, self._driver = client, driver

    def measure(self, name: str, count: int) -> Cost:
        """Return the time of the statements of a request.

        Args:
            name: The kind of request.
            count: The number of requests to execute.
        """
        requests = [self._client.collect_statements(name) for _ in range(count)]
        execute, is_write = self._driver.execute, name in WRITES
        backend, client = self._driver.backend_seconds(), time.process_time()
        for statements in requests:
            if is_write:
                self._driver.begin()
            for statement in statements:
                execute(statement)
            if is_write:
                self._driver.commit()
        client = time.process_time() - client
        backend = self._driver.backend_seconds() - backend
        return Cost(client / count * 1e6, backend / count * 1e6)


@contextmanager
def open_limit(databases: Databases, kind: Kind) -> Iterator[Limit]:
    """Create a project in a database and a copy of it, and yield the limit of its requests.

    Args:
        databases: The source of databases.
        kind: The kind of database.

    Raises:
        RuntimeError: In the end, the copy has other rows than the database of the core.
    """
    database = databases.new(kind)
    site = seed_database(database)
    copy = databases.copy(database)
    driver: _Driver = _Sqlite(copy) if kind == "sqlite" else _Psycopg(copy)
    core = Core(database.url, jwt_secret=SECRET)
    try:
        yield Limit(Client(core, site), driver)
    finally:
        core.close()
        driver.close()
    if _read_cards(database) != _read_cards(copy):
        raise RuntimeError("the driver has not executed the same statements as the core")


def _read_cards(database: Database) -> Sequence[Any]:
    sql = "SELECT id, column_id, position, version, updated_at FROM stellary_cards ORDER BY id"
    if database.kind == "sqlite":
        connection = sqlite3.connect(database.plain)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
    with psycopg.connect(database.plain) as postgres:
        return postgres.execute(sql).fetchall()


def _make_statement(sql: str, rows: Sequence[Any]) -> Statement:
    """Return a statement of SQLAlchemy for the driver: on PostgreSQL with numbers instead of names."""
    if not isinstance(rows[0], dict):
        return Statement(sql, [tuple(row) for row in rows])
    names: list[str] = []

    def number_placeholder(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%"
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return Statement(_NAMED.sub(number_placeholder, sql), [[row[name] for name in names] for row in rows])
