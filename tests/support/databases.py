"""Fresh databases for tests: a migrated template of each kind is made once per run and copied.

A PostgreSQL database is emptied after a test and given to the next one, which takes a tenth of the time of a copy.
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
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support import postgres, postgres_pool
from tests.support.shared_run import SERVER_VARIABLE, Run


class Sqlite:
    """SQLite databases as copies of a migrated file."""

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
        """Yield the URL of a fresh copy of the template, and remove it afterwards."""
        with self.copy_of(self.template()) as url:
            yield url

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


DELETED_MAX = 20_000
"""Rows of one database: what is deleted still takes its room, and nothing clears it away during the run."""

# Each change of the schema replaces rows of the catalogue, so that other transactions have written them: faster than a
# digest of the rows themselves. User objects have an oid from 16384 on.
_SCHEMA = """
    SELECT count(*), sum(writer::text::bigint) FROM (
        SELECT xmin AS writer FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT xmin FROM pg_constraint
        UNION ALL SELECT xmin FROM pg_trigger
        UNION ALL SELECT xmin FROM stellary_alembic_version
    ) AS writers
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""


class Postgres:
    """PostgreSQL databases as copies of a migrated one."""

    idle: ClassVar[dict[str, int]] = {}
    """Of this process: empty ones, and how many rows were deleted from each."""
    sweepers: ClassVar[dict[str, psycopg.Connection]] = {}
    """Of this process: a connection to each of its databases that knows all tables by now, which a new one takes long for."""
    schema: ClassVar[Any] = None
    """What tells one schema from another: that of the template, once asked."""

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
        with self.administrator() as connection:
            connection.execute(statement("CREATE DATABASE {}", self.template_name))
        migrate(url_of(self.server(), self.template_name))
        postgres_pool.forget(self.template_name)
        return self.template_name

    def drop_templates(self) -> None:
        """Drop the template and its filled copies, for servers that outlive the run."""
        names = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        with self.administrator() as connection:
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
        with self.administrator() as connection:
            connection.execute(statement("DROP DATABASE {} WITH (FORCE)", name))

    def sweeper(self, name: str) -> psycopg.Connection:
        """Return the connection that empties a database, a new one if a test has ended the last one."""
        connection = self.sweepers.get(name)
        try:
            if connection is not None:
                connection.execute("SELECT 1")
                return connection
        except psycopg.OperationalError:
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

    @contextlib.contextmanager
    def administrator(self, database: str | None = None) -> Iterator[psycopg.Connection]:
        """Open a connection that may create and drop databases, or one to a database."""
        with self.connect(database) as connection:
            yield connection

    def connect(self, database: str | None = None) -> psycopg.Connection:
        """Open such a connection; the caller closes it."""
        url = self.server().set(drivername="postgresql")
        if database is not None:
            url = url.set(database=database)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of a fresh database; afterwards, end all connections to it."""
        name, deleted = self.idle.popitem() if self.idle else (self.copy(), 0)
        try:
            yield url_of(self.server(), name)
        finally:
            count = self.delete_all_rows(name)
            if count is not None and deleted + count <= DELETED_MAX:
                self.idle[name] = deleted + count
            else:
                self.drop(name)

    @contextlib.contextmanager
    def empty_database(self) -> Iterator[str]:
        """Yield the URL of a database without tables, and drop it afterwards."""
        name = f"stellary_empty_{secrets.token_hex(8)}"
        with self.administrator() as administrator:
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

    def copy(self, template: str | None = None, name: str | None = None) -> str:
        """Copy a database, by default the template, and return the name of the copy."""
        name, template = name or f"stellary_test_{secrets.token_hex(8)}", template or self.template()
        with self.administrator() as connection:
            # Copying files takes a quarter of the time of the default, which logs each page.
            create = statement("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
            connection.execute(create)
        if self.schema is None:
            with self.administrator(name) as connection:
                Postgres.schema = connection.execute(_SCHEMA).fetchone()
        return name

    def delete_all_rows(self, name: str) -> int | None:
        """Delete all rows of a database. Return their number, or None if the test has changed more than rows."""
        connection = self.sweeper(name)
        connection.execute(_END_OTHERS, [postgres_pool.backends(name)])
        if connection.execute(_SCHEMA).fetchone() != self.schema:
            return None
        (count,) = connection.execute("SELECT pg_temp.sweep()").fetchone()
        return count


KINDS: dict[str, type[Sqlite | Postgres]] = {"sqlite": Sqlite, "postgresql": Postgres}
"""The kinds of databases by the names that parametrize tests."""


@functools.cache
def sweep() -> sql.Composed:
    """Return the SQL that creates a temporary function that deletes and counts all rows, leaves of the tree first.

    The function plans its statements only once.
    """
    from stellary.core.migrations.schema import metadata

    tables = [table.name for table in reversed(metadata.sorted_tables)]
    body = sql.SQL(" ").join(
        statement("DELETE FROM {}; GET DIAGNOSTICS part = ROW_COUNT; total := total + part;", table)
        for table in tables
    )
    return sql.SQL(
        "CREATE FUNCTION pg_temp.sweep() RETURNS bigint LANGUAGE plpgsql AS"
        " $$ DECLARE part bigint; total bigint := 0; BEGIN {} RETURN total; END $$"
    ).format(body)


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

    core = Core(url)
    try:
        core.migrate()
    finally:
        core.close()
