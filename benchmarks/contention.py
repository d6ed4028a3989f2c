"""Concurrency: many clients that read and write, small requests beside large ones, and refused requests among others."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import sys
from collections.abc import Iterator

import psycopg

from benchmarks.databases import Database, Databases, Kind
from benchmarks.http import BackendClock, reference_server
from benchmarks.load import Requests, Slot, load, request_bytes
from benchmarks.pages import make_board
from benchmarks.processes import ROOT, Server
from benchmarks.project import SECRET, Site, seed_database
from stellary.core import Core
from tests.support.world import World

WRITERS = 32
MOVERS = 16
CREATORS = 12
CLIENT_COUNTS = (1, 8, 16, 64)
MANY_CLIENTS = 16
CLIENT_ROUNDS = 4
READERS = 8
NEIGHBOUR_ROUNDS = 4
LARGE_READ_ROUNDS = 4
LARGE_BOARD = 20_000
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_DUPLICATES = """
    SELECT count(*) FROM (
        SELECT FROM stellary_cards WHERE NOT archived GROUP BY column_id, position HAVING count(*) > 1
    ) AS same
"""


def writers(databases: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """Create cards by 32 clients on SQLite, and yield the failures and how much longer the slowest request takes."""
    database = databases.new("sqlite")
    site = seed_database(database)
    with reference_server(databases, database) as server:
        slot = _run_load(server, site, "create", WRITERS, seconds)
    latencies = sorted(slot.latencies)
    yield "sqlite.writers.rate", slot.count / slot.seconds
    yield "sqlite.writers.errors", len(slot.failures)
    yield "sqlite.writers.max/p50", latencies[-1] / latencies[len(latencies) // 2]


def movers(databases: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """Move the cards of one board by 16 clients on PostgreSQL, and yield the deadlocks and the spread of latencies."""
    database = databases.new("postgresql")
    site = seed_database(database)
    with reference_server(databases, database) as server:
        slot = _run_load(server, site, "move", MOVERS, seconds)
    with psycopg.connect(database.plain) as connection:
        (deadlocks,) = connection.execute(_DEADLOCKS).fetchone() or (0,)
        (duplicates,) = connection.execute(_DUPLICATES).fetchone() or (0,)
    latencies = sorted(slot.latencies)
    yield "postgresql.movers.rate", slot.count / slot.seconds
    yield "postgresql.movers.errors", len(slot.failures)
    yield "postgresql.movers.deadlocks", deadlocks
    yield "postgresql.movers.duplicates", duplicates
    yield "postgresql.movers.p99/p50", latencies[len(latencies) * 99 // 100] / latencies[len(latencies) // 2]


def many_clients(databases: Databases, kind: Kind, seconds: float) -> Iterator[tuple[str, float]]:
    """Read cards and create some in one project by one client and by more in turn, and yield the rates and latencies."""
    database = databases.new(kind)
    site = seed_database(database)
    seconds /= CLIENT_ROUNDS
    with reference_server(databases, database) as server:
        for measure in ("get", "create"):
            slots: dict[int, list[Slot]] = {count: [] for count in CLIENT_COUNTS}
            for _ in range(CLIENT_ROUNDS):
                for count, results in slots.items():
                    results.append(_run_load(server, site, measure, count, seconds))
            rates = {
                count: statistics.median(slot.count / slot.seconds for slot in results)
                for count, results in slots.items()
            }
            name = f"{kind}.clients.{measure}"
            yield f"{name}.errors", sum(len(slot.failures) for results in slots.values() for slot in results)
            for count, results in slots.items():
                latencies = [latency for slot in results for latency in slot.latencies]
                yield f"{name}.{count}.rate", rates[count]
                yield f"{name}.{count}.p99_ms", _p99(latencies) * 1e3
            yield f"{name}.{MANY_CLIENTS}/1", rates[MANY_CLIENTS] / rates[1]


def absent_cards(databases: Databases, kind: Kind, seconds: float) -> Iterator[tuple[str, float]]:
    """Read cards, and the same with one in five that does not exist, and yield the processor time of the second per request."""
    database = databases.new(kind)
    site = seed_database(database)
    clock = BackendClock(database)
    requests = site.get_cards()
    absent = [
        request.replace(card["id"].encode(), b"0" * 24)
        for request, card in zip(requests, site.cards, strict=True)
    ]
    mixed = [absent[number] if number % 5 == 4 else requests[number] for number in range(len(requests))]
    costs: dict[str, list[float]] = {"found": [], "mixed": []}
    with reference_server(databases, database) as server:
        for number in range(-1, CLIENT_ROUNDS):
            for name, cycle in (("found", requests), ("mixed", mixed)):
                before = server.cpu_seconds() + clock.seconds()
                slot = asyncio.run(load(server.port, [itertools.cycle(cycle)], seconds / CLIENT_ROUNDS))
                cost = (server.cpu_seconds() + clock.seconds() - before) / slot.count
                if number >= 0:
                    costs[name].append(cost)
    yield f"{kind}.absent.cpu/found", statistics.median(costs["mixed"]) / statistics.median(costs["found"])


def large_bodies(databases: Databases, kind: Kind, seconds: float) -> Iterator[tuple[str, float]]:
    """Create cards beside large bodies that are refused, and yield how much longer the slowest create takes.

    Another process sends the bodies, so that a create does not wait for the client's own work.
    """
    database = databases.new(kind)
    site = seed_database(database)
    creating, refused = site.clients("create", 1), 0
    seconds /= CLIENT_ROUNDS
    slowest: dict[str, list[float]] = {"alone": [], "beside": []}
    settings = {"STELLARY_LIMIT_BAD_TOKENS": "1000000 per minute"}
    with reference_server(databases, database, settings) as server:
        command = [sys.executable, "-m", "benchmarks.large_bodies", str(server.port)]
        command += [site.workspace, site.project_path, site.token, str(seconds)]
        for number in range(-1, CLIENT_ROUNDS):
            slot = asyncio.run(load(server.port, creating, seconds))
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as sender:
                assert sender.stdout is not None
                # The first line appears when the sender begins.
                sender.stdout.readline()
                beside = asyncio.run(load(server.port, creating, seconds))
                refused += int(sender.stdout.read())
            if number >= 0:
                slowest["alone"].append(max(slot.latencies))
                slowest["beside"].append(max(beside.latencies))
    yield f"{kind}.large_bodies.refused", refused
    yield (
        f"{kind}.large_bodies.create_max/alone",
        statistics.median(slowest["beside"]) / statistics.median(slowest["alone"]),
    )


def neighbours(databases: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """Create cards by 12 clients in one project on PostgreSQL, and yield how much longer another tenant's reads take."""
    database = databases.new("postgresql")
    site = seed_database(database)
    reader = _other_tenant(database)
    seconds /= NEIGHBOUR_ROUNDS
    alone: list[float] = []
    beside: list[float] = []
    failures = creates = 0
    with reference_server(databases, database) as server:

        async def read_beside() -> tuple[Slot, Slot]:
            creating = load(server.port, site.clients("create", CREATORS), seconds)
            return await asyncio.gather(creating, load(server.port, [reader], seconds))

        # Warm up, until the statements are prepared on all connections.
        asyncio.run(load(server.port, site.clients("create", CREATORS), min(seconds, 0.5)))
        asyncio.run(load(server.port, [reader], min(seconds, 0.3)))
        # In turn, so that other work of the machine affects both.
        for _ in range(NEIGHBOUR_ROUNDS):
            slot = asyncio.run(load(server.port, [reader], seconds))
            created, read = asyncio.run(read_beside())
            alone += slot.latencies
            beside += read.latencies
            creates += created.count
            failures += sum(len(part.failures) for part in (slot, created, read))
    yield "postgresql.neighbours.creates", creates / seconds / NEIGHBOUR_ROUNDS
    yield "postgresql.neighbours.errors", failures
    yield "postgresql.neighbours.get.p50/alone", statistics.median(beside) / statistics.median(alone)


def large_readers(
    databases: Databases, kind: Kind, seconds: float, cards: int
) -> Iterator[tuple[str, float]]:
    """Read and export a large board by a client each, and yield how much longer another client's small reads take.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        seconds: The length of the load in all.
        cards: The number of cards on the board.
    """
    database = databases.new(kind)
    core = Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)
    try:
        core.migrate()
        world = World(core)
        people = world.people("ann bob cyn dan eve")
        board = make_board(world, people, world.home(people[0]), cards)
        token = world.bearer(people[0])
    finally:
        core.close()
    small = itertools.repeat(request_bytes("GET", "/auth/me", token))
    large = [
        itertools.repeat(request_bytes("GET", f"{board.path}/{tail}", token)) for tail in ("board", "export")
    ]
    seconds /= LARGE_READ_ROUNDS
    alone: list[float] = []
    beside: list[float] = []
    failures = reads = 0
    with reference_server(databases, database) as server:

        async def read_beside() -> tuple[Slot, Slot]:
            reading = load(server.port, large, seconds)
            return await asyncio.gather(reading, load(server.port, [small], seconds))

        asyncio.run(read_beside())
        for _ in range(LARGE_READ_ROUNDS):
            slot = asyncio.run(load(server.port, [small], seconds))
            large_slot, small_slot = asyncio.run(read_beside())
            alone += slot.latencies
            beside += small_slot.latencies
            reads += large_slot.count
            failures += sum(len(part.failures) for part in (slot, large_slot, small_slot))
    yield f"{kind}.large_readers.reads", reads / seconds / LARGE_READ_ROUNDS
    yield f"{kind}.large_readers.errors", failures
    yield f"{kind}.large_readers.whoami.p99_ms", _p99(beside) * 1e3
    yield f"{kind}.large_readers.whoami.p99/alone", _p99(beside) / _p99(alone)


def _p99(latencies: list[float]) -> float:
    return sorted(latencies)[len(latencies) * 99 // 100]


def readers(databases: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """Read cards by 8 clients on PostgreSQL, and yield how many they read beside 32 clients that create cards."""
    database = databases.new("postgresql")
    site = seed_database(database)
    seconds /= NEIGHBOUR_ROUNDS
    alone, beside, failures = [], [], 0
    with reference_server(databases, database) as server:

        async def read_beside() -> tuple[Slot, Slot]:
            creating = load(server.port, site.clients("create", WRITERS), seconds)
            return await asyncio.gather(creating, load(server.port, site.clients("get", READERS), seconds))

        asyncio.run(load(server.port, site.clients("get", READERS), min(seconds, 0.3)))
        for _ in range(NEIGHBOUR_ROUNDS):
            slot = asyncio.run(load(server.port, site.clients("get", READERS), seconds))
            created, read = asyncio.run(read_beside())
            alone.append(slot.count / slot.seconds)
            beside.append(read.count / read.seconds)
            failures += sum(len(part.failures) for part in (slot, created, read))
    yield "postgresql.readers.errors", failures
    yield "postgresql.readers.rate/alone", statistics.median(beside) / statistics.median(alone)


def _other_tenant(database: Database) -> Requests:
    """Make another organization with a card in it, and return a client that reads it."""
    core = Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)
    try:
        world = World(core)
        dan = world.person("dan")
        organization = world.organization(dan, "neighbours")
        project = world.project(dan, world.workspace(dan, organization=organization))
        card = world.card(dan, project)
        request = request_bytes("GET", f"{project.path}/cards/{card['id']}", world.bearer(dan))
    finally:
        core.close()
    return itertools.repeat(request)


def _run_load(server: Server, site: Site, measure: str, clients: int, seconds: float) -> Slot:
    requests = site.clients(measure, clients)
    asyncio.run(load(server.port, requests, min(seconds, 0.3)))
    return asyncio.run(load(server.port, requests, seconds))
