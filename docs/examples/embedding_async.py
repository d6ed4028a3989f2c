"""The core in asynchronous code: the SDK in process, and services in a thread, with the cost of both.

Run it: ``python docs/examples/embedding_async.py [DATABASE_URL]``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from stellary import AsyncStellary
from stellary.contract.refs import CardRef
from stellary.core import Core, Membership
from stellary.core.board import cards

ROUNDS = 200


async def main(database_url: str = "sqlite://") -> None:
    """Create a card, and read it in three ways."""
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

    async def call_service() -> None:
        core.run(actor, lambda uow: cards.get_card(uow, ref), read_only=True)

    async def call_service_in_thread() -> None:
        await asyncio.to_thread(core.run, actor, lambda uow: cards.get_card(uow, ref), read_only=True)

    async def call_client() -> None:
        await board.card(card).get()

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "service on the event loop": call_service,
        "service in a thread": call_service_in_thread,
        "client in process": call_client,
    }
    for name, call in ways.items():
        for _ in range(20):
            await call()
        started = time.perf_counter()
        for _ in range(ROUNDS):
            await call()
        print(f"{name}: {(time.perf_counter() - started) / ROUNDS * 1e6:.0f} µs per card")
    await client.close()
    core.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
