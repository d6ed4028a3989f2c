"""Event streams: the memory of one that waits, and the processor time of a delivery."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Iterator

from benchmarks.databases import Databases, Kind
from benchmarks.http import reference_server
from benchmarks.load import Requests, load, request_bytes
from benchmarks.processes import Server
from benchmarks.project import Site, seed_database
from stellary.core.http.streams import STREAMS_PER_CALLER_MAX

MANY = 3 * STREAMS_PER_CALLER_MAX
"""Three callers may open so many."""
MOVES = 40
_EVENT = b"\nevent: activity\n"
_TIMEOUT_SECONDS = 60.0


class _Reader(asyncio.Protocol):
    """One stream, which counts its events.

    Attributes:
        count: The number of events so far.
        opened: Set by the first bytes of the response.
    """

    def __init__(self) -> None:
        self.count = 0
        self.opened = asyncio.Event()
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        if not self.opened.is_set():
            if not data.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"a stream got {data!r}")
            self.opened.set()
        data = self._tail + data
        self.count += data.count(_EVENT)
        # An event's name may be split over two parts.
        self._tail = data[-len(_EVENT) + 1 :]


def run(databases: Databases, kind: Kind, rounds: int, count: int) -> Iterator[tuple[str, float]]:
    """Measure streams of one project over HTTP.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds of moves.
        count: The number of streams.

    Yields:
        The bytes of the server's process for a stream, and the microseconds of its processor time for a delivery.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with reference_server(databases, database) as server:
        memory, delivery = asyncio.run(_measure(server, site, rounds, count))
    yield f"{kind}.streams.bytes", memory
    yield f"{kind}.streams.delivery_us", delivery


async def _measure(server: Server, site: Site, rounds: int, count: int) -> tuple[float, float]:
    moves = site.clients("move", 1)[0]
    # Before the streams, so that what the first requests allocate is not theirs.
    await _move(server, moves)
    alone = [await _move(server, moves) for _ in range(rounds)]
    before = server.memory_bytes()
    path = f"{site.workspace}/events"
    readers = [
        await _open(server.port, path, site.tokens[number % len(site.tokens)]) for number in range(count)
    ]
    memory = (server.memory_bytes() - before) / count
    deliveries = []
    for _ in range(rounds):
        expected = [reader.count + MOVES for _, reader in readers]
        started = server.cpu_seconds()
        await _move(server, moves)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while [reader.count for _, reader in readers] != expected:  # noqa: ASYNC110 - it would cost time to report each
                await asyncio.sleep(0.01)
        deliveries.append(server.cpu_seconds() - started)
    for transport, _ in readers:
        transport.abort()
    extra = statistics.median(deliveries) - statistics.median(alone)
    return memory, extra / (MOVES * count) * 1e6


async def _open(port: int, path: str, token: str) -> tuple[asyncio.Transport, _Reader]:
    """Open a stream, and wait for its first bytes."""
    transport, reader = await asyncio.get_running_loop().create_connection(_Reader, "127.0.0.1", port)
    transport.write(request_bytes("GET", path, token))
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await reader.opened.wait()
    return transport, reader


async def _move(server: Server, moves: Requests) -> float:
    """Move cards one after another, and return the processor time of the server in seconds."""
    started = server.cpu_seconds()
    slot = await load(server.port, [itertools.islice(moves, MOVES)], _TIMEOUT_SECONDS)
    if slot.failures:
        raise RuntimeError(f"the server answered with:\n{slot.failures[0].decode(errors='replace')}")
    return server.cpu_seconds() - started
