"""The floor on PostgreSQL: ``asyncpg`` in the handler. ``python -m benchmarks.floor.postgresql SITE URL``."""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import orjson

from benchmarks.floor.rows import SCHEMA, insert, rows_of
from benchmarks.floor.server import Json, Server
from benchmarks.serving import make_app, serve

CONNECTIONS = 8
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT.*Z")


@functools.cache
def number_parameters(statement: str) -> str:
    """Replace the question marks of a statement by ``$1``, ``$2`` and so on."""
    numbers = itertools.count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


class Connection:
    """One connection of the pool."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def all(self, statement: str, *values: Any) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(number_parameters(statement), *values)
        return rows

    async def one(self, statement: str, *values: Any) -> Any:
        return await self._connection.fetchrow(number_parameters(statement), *values)

    async def run(self, statement: str, *values: Any) -> None:
        await self._connection.execute(number_parameters(statement), *values)


class Postgresql:
    """A pool with as many connections as the reference server has. They need no reset between requests."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: Any = None

    async def open(self) -> None:
        async def skip_reset(_: object) -> None: ...

        self._pool = await asyncpg.create_pool(
            self._url, min_size=CONNECTIONS, max_size=CONNECTIONS, reset=skip_reset
        )

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection:
            yield Connection(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield Connection(connection)

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def moment(self, text: str) -> datetime:
        return datetime.fromisoformat(text)


async def fill(url: str, site: Json) -> None:
    """Create the tables and insert the project."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(SCHEMA.replace("TIMESTAMP", "TIMESTAMPTZ"))
            for table, row in rows_of(site):
                values = [_to_moment(value) for value in row.values()]
                await connection.execute(number_parameters(insert(table, row)), *values)
    finally:
        await connection.close()


def _to_moment(value: Any) -> Any:
    moment = isinstance(value, str) and _MOMENT.fullmatch(value)
    return datetime.fromisoformat(value) if moment else value


if __name__ == "__main__":
    site = orjson.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(fill(sys.argv[2], site))
    database = Postgresql(sys.argv[2])
    serve(make_app(Server(database, site)), database.open, database.close)
