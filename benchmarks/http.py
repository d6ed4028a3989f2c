"""The server over HTTP, beside a bare handler and the limit: slots of load on each in turn."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Literal

import attrs
import orjson
import psycopg

from benchmarks.databases import Database, Databases, Kind
from benchmarks.figures import format_number, table
from benchmarks.limit import Cost, open_limit
from benchmarks.load import load
from benchmarks.processes import Server, cores, server
from benchmarks.project import SECRET, Site, seed_database

Subject = Literal["bare", "ours"]
SUBJECTS: tuple[Subject, ...] = ("bare", "ours")
MEASURES = ("whoami", "list", "get", "create", "move", "turn")
"""The kinds of requests; ``turn`` is a change of a card and a list of all cards in turn."""
CLIENTS = 8
ROUNDS = 5
LIMIT_CALLS = {"whoami": 200, "list": 20, "get": 200, "create": 30, "move": 30, "turn": 30}
"""How many requests of each kind the driver executes in a round."""


@attrs.frozen
class Slot:
    """The result of one slot of load on one server.

    Attributes:
        rate: Requests per second.
        latencies: In milliseconds.
        cost: The processor time of a request: of the server's process, and of PostgreSQL's.
    """

    rate: float
    latencies: list[float]
    cost: Cost


@attrs.frozen
class Row:
    """The medians of all slots of one subject for one measure.

    Attributes:
        rate: Requests per second; 0 for the limit, which is no server.
        p50, p99: Latencies of all slots together, in milliseconds; 0 for the limit.
        cpu: CPU time per request, in microseconds, without PostgreSQL's.
        backend: CPU time of PostgreSQL's processes per request, in microseconds.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    backend: float


@attrs.frozen
class Result:
    """The result for one kind of database."""

    kind: Kind
    rows: Mapping[tuple[str, str], Row]

    def figures(self) -> Iterator[tuple[str, float]]:
        """Yield the figures by name.

        The limit is the bare server with the driver that executes the same statements.
        """
        for measure in MEASURES:
            bare, driver, ours = (self.rows[measure, subject] for subject in ("bare", "driver", "ours"))
            name = f"{self.kind}.{measure}"
            yield f"{name}.rate", ours.rate
            yield f"{name}.p99_ms", ours.p99
            yield f"{name}.cpu_us", ours.cpu
            yield f"{name}.cpu/bare", ours.cpu / bare.cpu
            limit = bare.cpu + driver.cpu
            yield f"{name}.cpu/limit", ours.cpu / limit
            if self.kind == "postgresql":
                yield f"{name}.backend_us", ours.backend
                yield f"{name}.total/limit", (ours.cpu + ours.backend) / (limit + driver.backend)

    def table(self) -> str:
        """Return a table of the figures of each subject."""
        rows = []
        for measure in MEASURES:
            bare = self.rows[measure, "bare"]
            for subject in ("bare", "driver", "ours"):
                row = self.rows[measure, subject]
                numbers = (row.rate, row.p50, row.p99, row.cpu, row.cpu / bare.cpu, row.backend)
                rows.append([measure, subject, *map(format_number, numbers)])
        heads = ["", self.kind, "requests/s", "p50 ms", "p99 ms", "CPU µs", "/ bare", "PostgreSQL µs"]
        return table(heads, rows)


class BackendClock:
    """The processor time of PostgreSQL's processes that serve a database; always 0 on SQLite.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_postgres = database.kind == "postgresql"

    def seconds(self) -> float:
        """Return the processor time of all processes with an open connection."""
        if not self._is_postgres:
            return 0.0
        with psycopg.connect(self._database.plain) as connection:
            processes = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        return sum(measure_process(pid) for (pid,) in processes)


def measure_process(pid: int) -> float:
    """Return the processor time of a process; 0 if it has ended."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def run(databases: Databases, kind: Kind, seconds: float, rounds: int = ROUNDS) -> Result:
    """Measure on one kind of database.

    Args:
        databases: The source of databases.
        kind: The kind of database of our server.
        seconds: The length of a slot.
        rounds: The number of slots of each server for each measure.

    Raises:
        RuntimeError: A response had a status other than 2xx.
    """
    slots: dict[tuple[str, Subject], list[Slot]] = {}
    costs: dict[str, list[Cost]] = {measure: [] for measure in MEASURES}
    with open_limit(databases, kind) as limit, _run_servers(databases, kind) as (site, servers, clock):
        for measure in MEASURES:
            clients = {subject: site.clients(measure, CLIENTS) for subject in SUBJECTS}
            for number in range(-1, rounds):
                for subject in SUBJECTS:
                    # The first one only warms up.
                    length = seconds if number >= 0 else min(seconds, 0.3)
                    slot = measure_slot(servers[subject], clients[subject], length, clock)
                    if number >= 0:
                        slots.setdefault((measure, subject), []).append(slot)
                cost = limit.measure(measure, LIMIT_CALLS[measure])
                if number >= 0:
                    costs[measure].append(cost)
    rows: dict[tuple[str, str], Row] = {key: _summarize(values) for key, values in slots.items()}
    rows |= {(measure, "driver"): Row(0, 0, 0, *_middle(values)) for measure, values in costs.items()}
    return Result(kind, rows)


def measure_slot(loaded: Server, clients: list[Iterator[bytes]], seconds: float, clock: BackendClock) -> Slot:
    """Put a server under load for a while, and return the result.

    Args:
        loaded: The server.
        clients: The requests of each client.
        seconds: The length of the slot.
        clock: The processor time of its database's processes.

    Raises:
        RuntimeError: A response had a status other than 2xx.
    """
    backend, cpu = clock.seconds(), loaded.cpu_seconds()
    result = asyncio.run(load(loaded.port, clients, seconds))
    cpu, backend = loaded.cpu_seconds() - cpu, clock.seconds() - backend
    if result.failures:
        raise RuntimeError(f"the server answered with:\n{result.failures[0].decode(errors='replace')}")
    return Slot(
        result.count / result.seconds,
        [latency * 1e3 for latency in result.latencies],
        Cost(cpu / result.count * 1e6, backend / result.count * 1e6),
    )


def _summarize(slots: list[Slot]) -> Row:
    latencies = sorted(latency for slot in slots for latency in slot.latencies)
    return Row(
        statistics.median(slot.rate for slot in slots),
        latencies[len(latencies) // 2],
        latencies[len(latencies) * 99 // 100],
        *_middle([slot.cost for slot in slots]),
    )


def _middle(costs: list[Cost]) -> tuple[float, float]:
    return statistics.median(cost.client for cost in costs), statistics.median(cost.backend for cost in costs)


@contextmanager
def _run_servers(
    databases: Databases, kind: Kind
) -> Iterator[tuple[Site, dict[Subject, Server], BackendClock]]:
    """Run both servers, of which only one is under load at a time."""
    database = databases.new(kind)
    site = seed_database(database)
    site_file = databases.directory / f"{kind}.json"
    site_file.write_bytes(orjson.dumps(attrs.asdict(site)))
    core, _ = cores()
    with ExitStack() as stack:
        bare = server(["-m", "benchmarks.bare", str(site_file)], core, databases.directory / "bare.log")
        servers: dict[Subject, Server] = {
            "bare": stack.enter_context(bare),
            "ours": stack.enter_context(reference_server(databases, database)),
        }
        yield site, servers, BackendClock(database)


@contextmanager
def reference_server(
    databases: Databases, database: Database, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Server]:
    """Run our server with its log and its limits, of which the one for all requests is never reached."""
    environment = {
        "STELLARY_DATABASE_URL": database.url,
        # A store of files belongs to one database.
        "STELLARY_DATA_DIR": str(databases.directory / f"data-{database.name}"),
        "STELLARY_LIMIT_REQUESTS": "10000000 per hour",
        "STELLARY_LOG": "json",
        "JWT_SECRET": SECRET,
        "PORT": "0",
        **settings,
    }
    ready = rb"http://[^ ]*:(\d+)"
    with server(
        ["-m", "reference_server"], cores()[0], databases.directory / "ours.log", environment, ready
    ) as started:
        yield started
