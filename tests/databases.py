"""Fresh databases for tests: a migrated template of each kind is made once per run and copied per test."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests import postgres
from tests.runs import SERVER_VARIABLE, Run


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
        """The URL of a fresh copy of the template, which is removed afterwards."""
        template = self.template()
        with tempfile.TemporaryDirectory(prefix="sqlite-", dir=self.run.directory) as directory:
            path = Path(directory) / "stellary.db"
            shutil.copyfile(template, path)
            yield f"sqlite:///{path}"


class Postgres:
    """PostgreSQL databases as copies of a migrated one."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.template_name = f"{run.directory.name.replace('-', '_')}_template".lower()

    def server(self) -> URL:
        """The server of this run, started if need be."""
        return make_url(os.environ.get(SERVER_VARIABLE) or self.run.once("postgres-server", self.start))

    def start(self) -> str:
        """Start the wheel's server."""
        return postgres.start(self.run.directory)

    def template(self) -> str:
        """The name of a migrated and empty database."""
        return self.run.once("postgres-template", self.make_template)

    def make_template(self) -> str:
        """Migrate a new database."""
        with self.administrator() as connection:
            connection.execute(statement("CREATE DATABASE {}", self.template_name))
        migrate(url_of(self.server(), self.template_name))
        return self.template_name

    def drop_template(self) -> None:
        """Leave nothing behind on a server that outlives the run."""
        with self.administrator() as connection:
            connection.execute(statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.template_name))

    @contextlib.contextmanager
    def administrator(self) -> Iterator[psycopg.Connection]:
        """A connection that may create and drop databases."""
        url = self.server().set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh copy of the template, which is dropped afterwards with whoever is still connected."""
        name, template = f"stellary_test_{secrets.token_hex(8)}", self.template()
        with self.administrator() as connection:
            # Copying files takes a quarter of the time of the default, which logs each page.
            create = statement("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
            connection.execute(create)
            try:
                yield url_of(self.server(), name)
            finally:
                connection.execute(statement("DROP DATABASE {} WITH (FORCE)", name))


def statement(text: str, *names: str) -> sql.Composed:
    """``text`` with quoted names in its gaps."""
    return sql.SQL(text).format(*map(sql.Identifier, names))


def url_of(server: URL, database: str) -> str:
    """The URL of one database of ``server``, as ``Core`` takes it."""
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
