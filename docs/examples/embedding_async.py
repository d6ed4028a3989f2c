"""The core in asynchronous code: the SDK in process, and services in a thread or a session, with the cost of each.

Run it: ``python docs/examples/embedding_async.py [DATABASE_URL]``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from stellary import AsyncStellary
from stellary.contract.cards import Card, UpdateCard
from stellary.contract.refs import CardRef
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.board import cards

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
ROUNDS = 200


def create_engine(database_url: str) -> AsyncEngine:
    """Create the engine of the host, for asynchronous code."""
    url = make_url(database_url)
    engine = create_async_engine(url.set(drivername=DRIVERS[url.get_backend_name()]))
    if url.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
    return engine


def enforce_foreign_keys(connection: DBAPIConnection, _: object) -> None:
    connection.cursor().execute("PRAGMA foreign_keys=ON")


# --8<-- [start:run_sync]
async def run_in_session(
    engine: AsyncEngine, core: Core, actor: Actor, work: Callable[[UnitOfWork], Card], *, read_only: bool
) -> Card:
    def join(session: Session) -> Card:
        return core.run(actor, work, session.connection(), read_only=read_only)

    async with AsyncSession(engine) as session, session.begin():
        return await session.run_sync(join)


# --8<-- [end:run_sync]


async def measure(name: str, call: Callable[[], Awaitable[object]]) -> None:
    """Print the time that a call takes, one after the other."""
    for _ in range(20):
        await call()
    started = time.perf_counter()
    for _ in range(ROUNDS):
        await call()
    print(f"{name:<32}{(time.perf_counter() - started) / ROUNDS * 1e6:8.0f} µs")


async def use_core(database_url: str) -> None:
    """Create a card, then read and change it in each way."""
    core = Core(database_url)
    core.migrate()
    actor = core.provision("42", Membership("acme", "eng"), email="jane@example.com")

    # --8<-- [start:client]
    client = AsyncStellary.embedded(core.port(actor))
    ws = client.workspace("acme", "eng")
    board = ws.project(await ws.projects.create(name="Launch"))
    to_do, *_ = await board.columns.list()
    card = await board.column(to_do).cards.create(title="Write the spec")
    # --8<-- [end:client]

    # --8<-- [start:thread]
    ref = CardRef("acme", "eng", card.project_id, card.id)
    same_card = await asyncio.to_thread(core.run, actor, lambda uow: cards.get_card(uow, ref), read_only=True)
    # --8<-- [end:thread]
    assert same_card == card

    def read(uow: UnitOfWork) -> Card:
        return cards.get_card(uow, ref)

    def write(uow: UnitOfWork) -> Card:
        return cards.update_card(uow, ref, UpdateCard(description=str(time.time_ns())))

    async def run_on_event_loop(work: Callable[[UnitOfWork], Card], *, read_only: bool) -> None:
        core.run(actor, work, read_only=read_only)

    async def select_one() -> None:
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(text("SELECT 1"))

    engine = create_engine(database_url)
    await measure("a thread that does nothing", lambda: asyncio.to_thread(int))
    await measure("a session with SELECT 1", select_one)
    await measure("read on the event loop", lambda: run_on_event_loop(read, read_only=True))
    await measure("read in a thread", lambda: asyncio.to_thread(core.run, actor, read, read_only=True))
    await measure("read with the client", lambda: board.card(card).get())
    await measure("read in a session", lambda: run_in_session(engine, core, actor, read, read_only=True))
    await measure("write on the event loop", lambda: run_on_event_loop(write, read_only=False))
    await measure("write in a thread", lambda: asyncio.to_thread(core.run, actor, write))
    await measure("write with the client", lambda: board.card(card).update(description=str(time.time_ns())))
    await measure("write in a session", lambda: run_in_session(engine, core, actor, write, read_only=False))
    await engine.dispose()
    await client.close()
    core.close()


async def main(database_url: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A file, since a database in memory belongs to one connection.
        await use_core(database_url or f"sqlite:///{folder}/pm.db")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
