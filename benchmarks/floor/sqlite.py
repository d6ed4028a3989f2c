"""The floor on SQLite: ``sqlite3`` in the handler. ``python -m benchmarks.floor.sqlite SITE FILE``."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.floor.rows import SCHEMA, insert, rows_of
from benchmarks.floor.server import Server
from benchmarks.serving import make_app, serve


class Sqlite:
    """One connection for everything, with the settings that ours has.

    Nothing here ever waits for another task, so that two transactions cannot meet on it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        self.execute = connection.execute

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Sqlite]:
        yield self

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Sqlite]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield self
            self.execute("COMMIT")
        except BaseException:
            self.execute("ROLLBACK")
            raise

    async def all(self, statement: str, *values: Any) -> list[Any]:
        # Who writes holds everything here.
        return self.execute(statement.removesuffix(" FOR NO KEY UPDATE"), values).fetchall()

    async def one(self, statement: str, *values: Any) -> Any:
        return self.execute(statement, values).fetchone()

    async def run(self, statement: str, *values: Any) -> None:
        self.execute(statement, values)

    def now(self) -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def moment(self, text: str) -> str:
        return text


if __name__ == "__main__":
    site = orjson.loads(Path(sys.argv[1]).read_bytes())
    with closing(sqlite3.connect(sys.argv[2], isolation_level=None)) as opened:
        database = Sqlite(opened)
        opened.executescript(SCHEMA)
        opened.execute("BEGIN")
        for table, row in rows_of(site):
            opened.execute(insert(table, row), tuple(row.values()))
        opened.execute("COMMIT")
        serve(make_app(Server(database, site)))
