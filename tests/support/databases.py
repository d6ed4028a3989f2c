"""Fresh databases for tests: a migrated template of each kind is made once per run and copied.

A database is emptied after a test and given to the next one, with its open connections: tests/support/sqlite_pool.py and
tests/support/postgres_pool.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support import postgres, postgres_pool, sqlite_pool
from tests.support.shared_run import SERVER_VARIABLE, Run

FILES = {"stellary.db", "stellary.db-wal", "stellary.db-shm"}
"""The files in the directory of a SQLite database."""
PAGES_MAX = 2_000
"""Pages of a SQLite database that the next test is given."""


def with_lock_timeout(url: str, timeout: str) -> str:
    """Return the URL of a PostgreSQL database with a limit of the waits for locks, in PostgreSQL's format."""
    return f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D{timeout}"


class Sqlite:
    """SQLite databases as copies of a migrated file."""

    idle: ClassVar[list[SqliteSweeper]] = []
    """Of this process: empty databases."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def template(self) -> Path:
        """A migrated and empty database file."""
        return Path(self.run.once("sqlite-template", self.make_template))

    def make_template(self) -> str:
        """Migrate a new file, and fold its write-ahead log into it so that one file is all there is to copy."""
        path = self.run.directory / "template.db"
        migrate(f"sqlite:///{path}")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return str(path)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of a fresh database, and empty it afterwards."""
        sweeper = self.idle.pop() if self.idle else self.create_sweeper()
        try:
            yield f"sqlite:///{sweeper.path}"
        finally:
            if sweeper.delete_all_rows():
                self.idle.append(sweeper)
            else:
                sweeper.remove()

    def create_sweeper(self) -> SqliteSweeper:
        """Copy the template."""
        path = Path(tempfile.mkdtemp(prefix="sqlite-", dir=self.run.directory)) / "stellary.db"
        shutil.copyfile(self.template(), path)
        return SqliteSweeper(path)

    def drop_idle(self) -> None:
        """Remove the databases that this process keeps for its next tests."""
        while self.idle:
            self.idle.pop().remove()

    @contextlib.contextmanager
    def empty_database(self) -> Iterator[str]:
        """Yield the URL of a database without tables, and remove it afterwards."""
        with tempfile.TemporaryDirectory(prefix="empty-", dir=self.run.directory) as directory:
            yield f"sqlite:///{directory}/stellary.db"

    def fill(self, name: str, fill: Callable[[str], None]) -> str:
        """Return a copy of the template that a function has filled by its URL; one for the run."""

        def make() -> str:
            path = self.run.directory / f"{name}.db"
            shutil.copyfile(self.template(), path)
            fill(f"sqlite:///{path}")
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return str(path)

        return self.run.once(f"sqlite-{name}", make)

    @contextlib.contextmanager
    def copy_of(self, template: str | Path) -> Iterator[str]:
        """Yield the URL of a copy of a database, and remove it afterwards."""
        with tempfile.TemporaryDirectory(prefix="sqlite-", dir=self.run.directory) as directory:
            path = Path(directory) / "stellary.db"
            shutil.copyfile(template, path)
            yield f"sqlite:///{path}"


class SqliteSweeper:
    """A SQLite database that is emptied after each test.

    Args:
        path: The file, a copy of the template.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        sqlite_pool.keep_file(str(path))
        # Foreign keys are not enforced: all rows are deleted.
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        tables = [name for (name,) in self._connection.execute(_TABLES)]
        self._find_filled = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables
        )
        self._schema = self._read_schema()

    def delete_all_rows(self) -> bool:
        """Delete all rows. Return False if the test has changed more than rows, or still uses the database."""
        files = {path.name for path in self.path.parent.iterdir()}
        if not sqlite_pool.can_reuse(str(self.path)) or not files <= FILES:
            return False
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            if self._read_schema() != self._schema:
                return False
            for (table,) in self._connection.execute(self._find_filled).fetchall():
                self._connection.execute(f"DELETE FROM {table}")
            self._connection.execute("COMMIT")
            is_busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not is_busy

    def remove(self) -> None:
        """Remove the database."""
        self._connection.close()
        sqlite_pool.forget(str(self.path))
        shutil.rmtree(self.path.parent)

    def _read_schema(self) -> tuple[object, ...]:
        """Return what a test must not change, and whether the file has become large."""
        names = ("schema_version", "user_version", "journal_mode", "auto_vacuum")
        values = [self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
        versions = self._connection.execute("SELECT version_num FROM stellary_alembic_version").fetchall()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        return (*values, *versions, pages > PAGES_MAX)


_TABLES = """
    SELECT name FROM sqlite_master
    WHERE type = 'table' AND name <> 'stellary_alembic_version' AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence')
"""


DELETED_MAX = 20_000
"""Rows of one database: what is deleted still takes its room, and nothing clears it away during the run."""

# Each change of the schema writes rows of the catalogue, in a transaction that is younger than the database: faster than a
# digest of the rows themselves. User objects have an oid from 16384 on.
_CATALOGUE = """
    SELECT xmin AS writer FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid >= 16384
    UNION ALL SELECT xmin FROM pg_constraint
    UNION ALL SELECT xmin FROM pg_trigger
    UNION ALL SELECT xmin FROM stellary_alembic_version
"""
_READ_SCHEMA = f"SELECT pg_current_xact_id()::xid::text, count(*) FROM ({_CATALOGUE}) AS writers"
_SWEEP = """
    CREATE FUNCTION pg_temp.sweep(pooled int[], youngest xid, catalogue_rows bigint) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE part bigint; total bigint := 0; present bigint; changed bigint;
    BEGIN
        PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(pooled);
        SELECT count(*), count(*) FILTER (WHERE age(writer) < age(youngest)) INTO present, changed
        FROM ({catalogue}) AS writers;
        IF present <> catalogue_rows OR changed > 0 THEN RETURN NULL; END IF;
        {deletions}
        RETURN total;
    END $$
"""


class Postgres:
    """PostgreSQL databases as copies of a migrated one."""

    idle: ClassVar[dict[str, int]] = {}
    """Of this process: empty ones, and how many rows were deleted from each."""
    sweepers: ClassVar[dict[str, psycopg.Connection]] = {}
    """Of this process: a connection to each of its databases that knows all tables by now, which a new one takes long for."""
    schemas: ClassVar[dict[str, tuple[str, int]]] = {}
    """Of this process: the youngest transaction of each database when it was copied, and the rows of its catalogue."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.template_name = f"{run.directory.name.replace('-', '_')}_template".lower()

    def server(self) -> URL:
        """Return the server of this run, and start it first if necessary."""
        return make_url(os.environ.get(SERVER_VARIABLE) or self.run.once("postgres-server", self.start))

    def start(self) -> str:
        """Start the wheel's server."""
        return postgres.start(self.run.directory)

    def template(self) -> str:
        """Return the name of a migrated and empty database."""
        return self.run.once("postgres-template", self.make_template)

    def make_template(self) -> str:
        """Migrate a new database."""
        with self.connect() as connection:
            connection.execute(statement("CREATE DATABASE {}", self.template_name))
        migrate(url_of(self.server(), self.template_name))
        postgres_pool.forget(self.template_name)
        return self.template_name

    def drop_templates(self) -> None:
        """Drop the template and its filled copies, for servers that outlive the run."""
        names = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        with self.connect() as connection:
            for (name,) in connection.execute(names, [self.template_name]).fetchall():
                connection.execute(statement("DROP DATABASE {} WITH (FORCE)", name))

    def drop_idle(self) -> None:
        """Drop the databases that this process keeps for its next tests."""
        while self.idle:
            self.drop(self.idle.popitem()[0])

    def drop(self, name: str) -> None:
        """Drop a database of this process."""
        self.close_sweeper(name)
        postgres_pool.forget(name)
        with self.connect() as connection:
            connection.execute(statement("DROP DATABASE {} WITH (FORCE)", name))

    def sweeper(self, name: str) -> psycopg.Connection:
        """Return the connection that empties a database, a new one if a test has ended the last one."""
        connection = self.sweepers.get(name)
        if connection is not None and postgres_pool.is_alive(connection):
            return connection
        self.close_sweeper(name)
        self.sweepers[name] = connection = self.connect(name)
        # All rows are deleted, so that nothing has to be checked; an account of your own server may not be allowed to.
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")
        connection.execute(sweep())
        return connection

    def close_sweeper(self, name: str) -> None:
        """Close the connection that empties a database, if there is one."""
        if name in self.sweepers:
            self.sweepers.pop(name).close()

    def connect(self, database: str | None = None) -> psycopg.Connection:
        """Open a connection that may create and drop databases, or one to a database; as a context, it ends itself."""
        url = self.server().set(drivername="postgresql")
        if database is not None:
            url = url.set(database=database)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of a fresh database; afterwards, end all connections to it."""
        name, deleted = self.idle.popitem() if self.idle else (self.create(), 0)
        try:
            yield url_of(self.server(), name)
        finally:
            count = self.delete_all_rows(name)
            if count is None:
                self.drop(name)
            elif deleted + count > DELETED_MAX:
                self.sweeper(name).execute("VACUUM")
                self.idle[name] = 0
            else:
                self.idle[name] = deleted + count

    @contextlib.contextmanager
    def empty_database(self) -> Iterator[str]:
        """Yield the URL of a database without tables, and drop it afterwards."""
        name = f"stellary_empty_{secrets.token_hex(8)}"
        with self.connect() as administrator:
            administrator.execute(statement("CREATE DATABASE {}", name))
            yield url_of(self.server(), name)
            administrator.execute(statement("DROP DATABASE {} WITH (FORCE)", name))

    def fill(self, name: str, fill: Callable[[str], None]) -> str:
        """Return the name of a copy of the template that a function has filled by its URL; one for the run."""

        def make() -> str:
            database = self.copy(name=f"{self.template_name}_{name}")
            fill(url_of(self.server(), database))
            postgres_pool.forget(database)
            return database

        return self.run.once(f"postgres-{name}", make)

    @contextlib.contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Yield the URL of a copy of a database, and drop it afterwards."""
        name = self.copy(template)
        try:
            yield url_of(self.server(), name)
        finally:
            self.drop(name)

    def create(self) -> str:
        """Copy the template, and remember its schema."""
        name = self.copy()
        with self.connect(name) as connection:
            self.schemas[name] = connection.execute(_READ_SCHEMA).fetchone()
        return name

    def copy(self, template: str | None = None, name: str | None = None) -> str:
        """Copy a database, by default the template, and return the name of the copy."""
        name, template = name or f"stellary_test_{secrets.token_hex(8)}", template or self.template()
        with self.connect() as connection:
            # Copying files takes a quarter of the time of the default, which logs each page.
            connection.execute(statement("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template))
        return name

    def delete_all_rows(self, name: str) -> int | None:
        """Delete all rows of a database. Return their number, or None if the test has changed more than rows."""
        parameters = [postgres_pool.backends(name), *self.schemas[name]]
        (count,) = (
            self.sweeper(name).execute("SELECT pg_temp.sweep(%s::int[], %s::xid, %s)", parameters).fetchone()
        )
        return count


KINDS: dict[str, type[Sqlite | Postgres]] = {"sqlite": Sqlite, "postgresql": Postgres}
"""The kinds of databases by the names that parametrize tests."""


@functools.cache
def sweep() -> sql.Composed:
    """Return the SQL that creates a temporary function that deletes and counts all rows, leaves of the tree first.

    The function plans its statements only once. It first ends the sessions of others, and returns null for another schema.
    """
    from stellary.core.migrations.schema import metadata

    tables = [table.name for table in reversed(metadata.sorted_tables)]
    deletions = sql.SQL(" ").join(
        statement("DELETE FROM {}; GET DIAGNOSTICS part = ROW_COUNT; total := total + part;", table)
        for table in tables
    )
    return sql.SQL(_SWEEP).format(catalogue=sql.SQL(_CATALOGUE), deletions=deletions)


def statement(text: str, *names: str) -> sql.Composed:
    """Return a statement with quoted names in its placeholders."""
    return sql.SQL(text).format(*map(sql.Identifier, names))


def url_of(server: URL, database: str) -> str:
    """Return the URL of a database of a server, in the form that ``Core`` takes."""
    return server.set(drivername="postgresql+psycopg", database=database).render_as_string(
        hide_password=False
    )


def migrate(url: str) -> None:
    """Bring an empty database to the newest schema."""
    from stellary.core import Core

    with closing(Core(url)) as core:
        core.migrate()
