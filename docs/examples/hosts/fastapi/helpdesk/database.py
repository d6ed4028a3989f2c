"""The database of the help desk, over SQLAlchemy's asynchronous drivers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


# --8<-- [start:engine]
def create_engine(database_url: str) -> AsyncEngine:
    """Create an engine for asynchronous code."""
    url = make_url(database_url)
    engine = create_async_engine(url.set(drivername=DRIVERS[url.get_backend_name()]))
    if url.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
    return engine


def enforce_foreign_keys(connection: DBAPIConnection, _: object) -> None:
    """Make SQLite enforce foreign keys, which the core requires of connections that it joins."""
    connection.cursor().execute("PRAGMA foreign_keys=ON")


# --8<-- [end:engine]


# --8<-- [start:session]
async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open a session, which is one transaction: it is committed unless the route raises an exception."""
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with sessions.begin() as session:
        yield session


# The scope commits before the response is sent. By default, FastAPI would send it first.
SessionDep = Annotated[AsyncSession, Depends(open_session, scope="function")]
# --8<-- [end:session]
