"""Embedded calls: services by themselves, in a thread and in a session of the host, and the asynchronous client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing

import attrs
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from benchmarks.databases import Databases, Kind
from stellary import AsyncStellary, Stellary
from stellary.contract.cards import CardInColumn, CreateCard, ListCards, UpdateCard
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.board import cards, listing

Call = Callable[[], Awaitable[object]]
CARDS = 200
CALLS = {"get": 100, "list": 10, "create": 40, "move": 40}
"""The measured operations, and how many there are in a round."""
DRIVERS: Mapping[Kind, tuple[str, ...]] = {"sqlite": ("aiosqlite",), "postgresql": ("asyncpg", "psycopg")}
"""The drivers of the sessions."""


@attrs.frozen
class Operation:
    """An operation: by a service in a unit of work, and by the client."""

    serve: Callable[[UnitOfWork], object]
    call: Call
    read_only: bool = False


def run(databases: Databases, kind: Kind, rounds: int) -> Iterator[tuple[str, float]]:
    """Measure the processor time of operations in this process, each way in turn.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds. The least time of all counts.

    Yields:
        The time of a service in microseconds, and that of the other ways relative to it.
    """
    url = databases.new(kind).url
    with closing(Core(url)) as core:
        core.migrate()
        times = asyncio.run(_measure_ways(core, url, kind, rounds))
    for operation, by_way in times.items():
        least = {way: min(durations) for way, durations in by_way.items()}
        service = least.pop("service")
        yield f"{kind}.embedded.{operation}.cpu_us", service * 1e6
        for way, duration in least.items():
            yield f"{kind}.embedded.{operation}.{way}/service", duration / service


async def _measure_ways(core: Core, url: str, kind: Kind, rounds: int) -> dict[str, dict[str, list[float]]]:
    actor = core.provision("42", Membership("acme", "eng", role="admin"), email="jane@example.com")
    engines = {driver: _create_engine(url, driver) for driver in DRIVERS[kind]}
    times: dict[str, dict[str, list[float]]] = {}
    for name, operation in _make_operations(core, actor).items():
        ways = _make_ways(core, actor, operation, engines)
        times[name] = {way: [] for way in ways}
        for number in range(rounds + 1):
            for way, call in ways.items():
                duration = await _measure(call, CALLS[name])
                # The first round compiles and prepares the statements.
                if number:
                    times[name][way].append(duration)
    for engine in engines.values():
        await engine.dispose()
    return times


def _make_operations(core: Core, actor: Actor) -> dict[str, Operation]:
    """Create a project with 200 cards, and return the operations on it."""
    workspace = Stellary.embedded(core.port(actor)).workspace("acme", "eng")
    project = workspace.projects.create(name="Launch")
    board = AsyncStellary.embedded(core.port(actor)).workspace("acme", "eng").project(project)
    to_do, doing, done = workspace.project(project).columns.list()
    first, *_ = workspace.project(project).cards.create_all(
        [CardInColumn(column_id=to_do.id, title=f"Card {number}") for number in range(CARDS)]
    )
    ref = ProjectRef("acme", "eng", project.id)
    card, column = ref.child(CardRef, first.id), ref.child(ColumnRef, done.id)
    targets = [doing.id, to_do.id]

    def find_target() -> str:
        targets.reverse()
        return targets[0]

    return {
        "get": Operation(lambda uow: cards.get_card(uow, card), lambda: board.cards.get(first.id), True),
        "list": Operation(
            lambda uow: listing.list_cards(uow, ref, ListCards(limit=CARDS)),
            lambda: board.cards.list(limit=CARDS),
            True,
        ),
        "create": Operation(
            lambda uow: cards.create_card(uow, column, CreateCard(title="New")),
            lambda: board.cards.create(done.id, title="New"),
        ),
        "move": Operation(
            lambda uow: cards.update_card(uow, card, UpdateCard(column_id=find_target())),
            lambda: board.cards.update(first.id, column_id=find_target()),
        ),
    }


def _make_ways(
    core: Core, actor: Actor, operation: Operation, engines: Mapping[str, AsyncEngine]
) -> dict[str, Call]:
    async def run_service() -> None:
        core.run(actor, operation.serve, read_only=operation.read_only)

    def join(session: Session) -> object:
        return core.run(actor, operation.serve, session.connection(), read_only=operation.read_only)

    def in_session(engine: AsyncEngine) -> Call:
        async def run_in_session() -> None:
            async with AsyncSession(engine) as session, session.begin():
                await session.run_sync(join)

        return run_in_session

    return {
        "service": run_service,
        "thread": lambda: asyncio.to_thread(core.run, actor, operation.serve, read_only=operation.read_only),
        "client": operation.call,
        **{driver: in_session(engine) for driver, engine in engines.items()},
    }


def _create_engine(url: str, driver: str) -> AsyncEngine:
    database = make_url(url)
    backend = database.get_backend_name()
    engine = create_async_engine(database.set(drivername=f"{backend}+{driver}"))
    if backend == "sqlite":
        event.listen(
            engine.sync_engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON")
        )
    return engine


async def _measure(call: Call, count: int) -> float:
    """Return the processor time of one of several calls in all threads of the process, in seconds."""
    started = time.process_time()
    for _ in range(count):
        await call()
    return (time.process_time() - started) / count
