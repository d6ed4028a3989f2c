"""The server over HTTP, beside a bare handler and the floor: slots of load on each in turn."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Literal

import attrs
import orjson

from benchmarks.databases import Database, Databases, Kind
from benchmarks.figures import format_number, table
from benchmarks.load import Slot, load
from benchmarks.processes import Server, cores, server
from benchmarks.project import Site, make_site
from stellary.core import Core

Subject = Literal["bare", "floor", "ours"]
SUBJECTS: tuple[Subject, ...] = ("bare", "floor", "ours")
MEASURES = ("whoami", "list", "get", "create", "move")
CLIENTS = 8
ROUNDS = 5
SECRET = "b9c1f04e7d52a86390cf1be47a2d6e18"


@attrs.frozen
class Row:
    """The medians of one server's slots for one measure.

    Attributes:
        rate: Requests per second.
        p50, p99: Latencies of all slots together, in milliseconds.
        cpu: CPU time of the server's process per request, in microseconds.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


@attrs.frozen
class Result:
    """The result for one kind of database."""

    kind: Kind
    rows: Mapping[tuple[str, Subject], Row]

    def figures(self) -> Iterator[tuple[str, float]]:
        """Yield the figures by name."""
        for measure in MEASURES:
            bare, floor, ours = (self.rows[measure, subject] for subject in SUBJECTS)
            name = f"{self.kind}.{measure}"
            yield f"{name}.rate", ours.rate
            yield f"{name}.p99_ms", ours.p99
            if measure == "whoami":
                yield f"{name}.rate/bare", ours.rate / bare.rate
            yield f"{name}.rate/floor", ours.rate / floor.rate
            yield f"{name}.cpu/floor", ours.cpu / floor.cpu
            yield f"{name}.cpu/bare", ours.cpu / bare.cpu

    def table(self) -> str:
        """Return a table of the figures of each server."""
        rows = []
        for measure in MEASURES:
            bare = self.rows[measure, "bare"]
            for subject in SUBJECTS:
                row = self.rows[measure, subject]
                numbers = (row.rate, row.p50, row.p99, row.cpu, row.cpu / bare.cpu)
                rows.append([measure, subject, *map(format_number, numbers)])
        return table(["", self.kind, "requests/s", "p50 ms", "p99 ms", "CPU µs", "/ bare"], rows)


def run(databases: Databases, kind: Kind, seconds: float, rounds: int = ROUNDS) -> Result:
    """Measure on one kind of database.

    Args:
        databases: The source of databases.
        kind: The kind of database of the floor and of our server.
        seconds: The length of a slot.
        rounds: The number of slots of each server for each measure.
    """
    with _run_servers(databases, kind) as (site, servers):
        clients = {
            (measure, subject): site.clients(measure, CLIENTS) for measure in MEASURES for subject in SUBJECTS
        }
        slots: dict[tuple[str, Subject], list[tuple[Slot, float]]] = {at: [] for at in clients}
        for measure in MEASURES:
            for number in range(-1, rounds):
                for subject in SUBJECTS:
                    # The first one only warms up.
                    length = seconds if number >= 0 else min(seconds, 0.3)
                    slot = _measure_slot(servers[subject], clients[measure, subject], length)
                    if slot[0].failures:
                        response = slot[0].failures[0].decode(errors="replace")
                        raise RuntimeError(f"{subject} answered {measure} with:\n{response}")
                    if number >= 0:
                        slots[measure, subject].append(slot)
    return Result(kind, {at: _summarize(subject_slots) for at, subject_slots in slots.items()})


def _measure_slot(server: Server, clients: list[Iterator[bytes]], seconds: float) -> tuple[Slot, float]:
    before = server.cpu_seconds()
    slot = asyncio.run(load(server.port, clients, seconds))
    return slot, (server.cpu_seconds() - before) / slot.count


def _summarize(slots: list[tuple[Slot, float]]) -> Row:
    latencies = sorted(latency for slot, _ in slots for latency in slot.latencies)
    return Row(
        rate=statistics.median(slot.count / slot.seconds for slot, _ in slots),
        p50=latencies[len(latencies) // 2] * 1e3,
        p99=latencies[len(latencies) * 99 // 100] * 1e3,
        cpu=statistics.median(cpu for _, cpu in slots) * 1e6,
    )


@contextmanager
def _run_servers(databases: Databases, kind: Kind) -> Iterator[tuple[Site, dict[Subject, Server]]]:
    """Run all three servers, of which only one is under load at a time."""
    ours, floor = databases.new(kind), databases.new(kind)
    site = seed_database(ours)
    site_file = databases.directory / f"{kind}.json"
    site_file.write_bytes(orjson.dumps(attrs.asdict(site)))
    commands: dict[Subject, list[str]] = {
        "bare": ["-m", "benchmarks.bare", str(site_file)],
        "floor": ["-m", f"benchmarks.floor.{kind}", str(site_file), floor.plain],
    }
    core, _ = cores()
    with ExitStack() as stack:
        servers = {
            subject: stack.enter_context(server(command, core, databases.directory / f"{subject}.log"))
            for subject, command in commands.items()
        }
        servers["ours"] = stack.enter_context(reference_server(databases, ours))
        yield site, servers


def seed_database(database: Database) -> Site:
    """Create the tables and the project in an empty database of the core."""
    core = Core(database.url, jwt_secret=SECRET, bcrypt_rounds=4)
    try:
        core.migrate()
        return make_site(core)
    finally:
        core.close()


@contextmanager
def reference_server(
    databases: Databases, database: Database, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Server]:
    """Run our server with default settings on a database, but without rate limits."""
    environment = {
        "STELLARY_DATABASE_URL": database.url,
        "STELLARY_DATA_DIR": str(databases.directory / "data"),
        "STELLARY_LIMITS": "off",
        "STELLARY_LOG": "off",
        "JWT_SECRET": SECRET,
        "PORT": "0",
        **settings,
    }
    ready = rb"http://[^ ]*:(\d+)"
    with server(
        ["-m", "reference_server"], cores()[0], databases.directory / "ours.log", environment, ready
    ) as started:
        yield started
