"""The core in asynchronous code: the SDK in process, and services in a thread or a session.

Run it: ``python docs/examples/embedding_async.py [DATABASE_URL]``.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable

from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from stellary import AsyncStellary
from stellary.contract.cards import Card, UpdateCard
from stellary.contract.refs import CardRef
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.board import cards

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


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
    engine: AsyncEngine, core: Core, actor: Actor, work: Callable[[UnitOfWork], Card]
) -> Card:
    def join(session: Session) -> Card:
        return core.run(actor, work, session.connection())

    async with AsyncSession(engine) as session, session.begin():
        return await session.run_sync(join)


# --8<-- [end:run_sync]


async def use_core(database_url: str) -> None:
    """Create a card with the client, read it in a thread, and change it in a session."""
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

    engine = create_engine(database_url)
    request = UpdateCard(priority="high")
    changed = await run_in_session(engine, core, actor, lambda uow: cards.update_card(uow, ref, request))
    print(changed.key, changed.title, changed.priority)
    await engine.dispose()
    await client.close()
    core.close()


async def main(database_url: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A file, since a database in memory belongs to one connection.
        await use_core(database_url or f"sqlite:///{folder}/pm.db")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
