"""Many at once: 32 clients that write on SQLite, 16 that move cards of one board on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg

from benchmarks.databases import Databases
from benchmarks.http import reference_server, seeded
from benchmarks.load import Slot, load
from benchmarks.processes import Server
from benchmarks.project import Site

WRITERS = 32
MOVERS = 16
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_DUPLICATES = """
    SELECT count(*) FROM (
        SELECT FROM stellary_cards WHERE NOT archived GROUP BY column_id, position HAVING count(*) > 1
    ) AS same
"""


def writers(made: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """32 clients make cards on SQLite: does anybody fail, and does anybody wait much longer than the others?"""
    database = made.new("sqlite")
    site = seeded(database)
    with reference_server(made, database) as server:
        slot = _loaded(server, site, "create", WRITERS, seconds)
    latencies = sorted(slot.latencies)
    yield "sqlite.writers.rate", slot.count / slot.seconds
    yield "sqlite.writers.errors", len(slot.failures)
    yield "sqlite.writers.max/p50", latencies[-1] / latencies[len(latencies) // 2]


def movers(made: Databases, seconds: float) -> Iterator[tuple[str, float]]:
    """16 clients move the cards of one board on PostgreSQL: do they wait for each other in a circle?"""
    database = made.new("postgresql")
    site = seeded(database)
    with reference_server(made, database) as server:
        slot = _loaded(server, site, "move", MOVERS, seconds)
    with psycopg.connect(database.plain) as connection:
        (deadlocks,) = connection.execute(_DEADLOCKS).fetchone() or (0,)
        (duplicates,) = connection.execute(_DUPLICATES).fetchone() or (0,)
    latencies = sorted(slot.latencies)
    yield "postgresql.movers.rate", slot.count / slot.seconds
    yield "postgresql.movers.errors", len(slot.failures)
    yield "postgresql.movers.deadlocks", deadlocks
    yield "postgresql.movers.duplicates", duplicates
    yield "postgresql.movers.p99/p50", latencies[len(latencies) * 99 // 100] / latencies[len(latencies) // 2]


def _loaded(server: Server, site: Site, measure: str, clients: int, seconds: float) -> Slot:
    sent = site.clients(measure, clients)
    asyncio.run(load(server.port, sent, min(seconds, 0.3)))
    return asyncio.run(load(server.port, sent, seconds))
