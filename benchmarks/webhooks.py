"""Webhooks: their cost for concurrent writers, the delivery rate of a backlog, and a steady load of minutes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import attrs
import orjson

from benchmarks.databases import Databases, Kind
from benchmarks.http import reference_server
from benchmarks.processes import Server
from benchmarks.project import Site, seed_database

WRITES_PER_SECOND = 20
BULK = 500
"""The number of cards that one request creates; each card causes one message."""
SUSTAINED_WEBHOOKS = 10
"""So many webhooks turn 20 writes per second into 200 messages per second."""
SUSTAINED_SLOT_SECONDS = 5
RESPONSE = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
DRAIN_SECONDS = 300


class Receiver:
    """A receiver that answers immediately, or as soon as it is opened.

    Attributes:
        responses: The times at which messages were answered.
        opened: Set while it answers.
    """

    def __init__(self) -> None:
        self.responses: list[float] = []
        self.opened = asyncio.Event()
        self.opened.set()

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """Listen until the block ends, and yield the port."""
        receiver = await asyncio.start_server(self._take, "127.0.0.1", 0)
        async with receiver:
            yield receiver.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            await self.opened.wait()
            self.responses.append(time.perf_counter())
            writer.write(RESPONSE)
            await writer.drain()
        writer.close()


@attrs.frozen
class Api:
    """Requests to the server, one at a time, on behalf of the owner of the workspace."""

    server: Server
    site: Site

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed, and return the body of the response."""
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"authorization": f"Bearer {self.site.token}", "content-type": "application/json"}
        connection.request(method, path, None if body is None else orjson.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path} answered {response.status}: {content.decode()}")
        return orjson.loads(content)


def run(databases: Databases, kind: Kind, seconds: float, rounds: int) -> Iterator[tuple[str, float]]:
    """Measure on one kind of database.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        seconds: The length of a slot of writes, with or without the webhook.
        rounds: The number of slots of each kind, and the size of the backlog in units of 500 messages.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with reference_server(databases, database, {"STELLARY_PRIVATE_WEBHOOKS": "on"}) as server:
        figures = asyncio.run(_measure(Api(server, site), Receiver(), seconds, rounds))
    for name, value in figures.items():
        yield f"{kind}.webhooks.{name}", value


def run_sustained(databases: Databases, kind: Kind, minutes: float) -> Iterator[tuple[str, float]]:
    """Measure ten webhooks, and so 200 messages per second, for a long time.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        minutes: The length of the load.
    """
    database = databases.new(kind)
    site = seed_database(database)
    with reference_server(databases, database, {"STELLARY_PRIVATE_WEBHOOKS": "on"}) as server:
        figures = asyncio.run(_measure_sustained(Api(server, site), Receiver(), minutes * 60))
    for name, value in figures.items():
        yield f"{kind}.webhooks.sustained.{name}", value


async def _measure_sustained(api: Api, receiver: Receiver, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    backlogs: list[int] = []
    async with receiver.running() as port:
        for number in range(SUSTAINED_WEBHOOKS):
            url = f"http://127.0.0.1:{port}/{number}"
            await api.ask("POST", f"{api.site.workspace}/webhooks", {"url": url})
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            latencies += await write_cards(api, min(SUSTAINED_SLOT_SECONDS, seconds / 4))
            backlogs.append(len(latencies) * SUSTAINED_WEBHOOKS - len(receiver.responses))
        rates = len(latencies) / elapsed, len(receiver.responses) / elapsed
        await _wait_for_responses(receiver, len(latencies) * SUSTAINED_WEBHOOKS)
    quarter = max(1, len(backlogs) // 4)
    return {
        "writes_per_s": rates[0],
        "deliveries_per_s": rates[1],
        "write_p50_ms": statistics.median(latencies) * 1000,
        "write_p99_ms": statistics.quantiles(latencies, n=100)[98] * 1000,
        "backlog_first_quarter": statistics.fmean(backlogs[:quarter]),
        "backlog_last_quarter": statistics.fmean(backlogs[-quarter:]),
        "backlog_max": max(backlogs),
    }


async def _measure(api: Api, receiver: Receiver, seconds: float, rounds: int) -> dict[str, float]:
    async with receiver.running() as port:
        hook = await api.ask(
            "POST", f"{api.site.workspace}/webhooks", {"url": f"http://127.0.0.1:{port}/", "active": False}
        )
        path = f"{api.site.workspace}/webhooks/{hook['id']}"
        await write_cards(api, min(seconds, 0.5))
        latencies: dict[bool, list[float]] = {False: [], True: []}
        backlogs: list[int] = []
        for number in range(rounds):
            # In alternating order, so that other work of the machine affects both.
            for active in (False, True) if number % 2 else (True, False):
                await api.ask("PATCH", path, {"active": active})
                latencies[active] += await write_cards(api, seconds)
                if active:
                    backlogs.append(await _backlog(api, path))
                    await _wait_until_delivered(api, path)
        await api.ask("PATCH", path, {"active": True})
        rate = await _drain(api, receiver, rounds)
    return {
        "write_p50/without": statistics.median(latencies[True]) / statistics.median(latencies[False]),
        "write_mean/without": statistics.fmean(latencies[True]) / statistics.fmean(latencies[False]),
        "backlog": max(backlogs),
        "deliveries_per_s": rate,
    }


async def write_cards(api: Api, seconds: float) -> list[float]:
    """Create cards at a steady pace, and return the latency of each request."""
    # A single paced client: each interval sends one request.
    requests = itertools.cycle(api.site.create_cards())
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    latencies = []
    began = time.perf_counter()
    for number in range(max(1, round(seconds * WRITES_PER_SECOND))):
        await asyncio.sleep(max(0.0, began + number / WRITES_PER_SECOND - time.perf_counter()))
        sent_at = time.perf_counter()
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:10] != b"2":
            raise RuntimeError(head.decode())
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        latencies.append(time.perf_counter() - sent_at)
    writer.close()
    return latencies


async def _backlog(api: Api, path: str) -> int:
    return len(await api.ask("GET", f"{path}/deliveries?status=pending"))


async def _wait_until_delivered(api: Api, path: str) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while await _backlog(api, path):
        if time.monotonic() > deadline:
            raise RuntimeError("the backlog is not delivered")
        await asyncio.sleep(0.1)


async def _wait_for_responses(receiver: Receiver, count: int) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while len(receiver.responses) < count:
        if time.monotonic() > deadline:
            raise RuntimeError("the backlog is not delivered")
        await asyncio.sleep(0.01)


async def _drain(api: Api, receiver: Receiver, rounds: int) -> float:
    """Create a backlog, keep writing until it is delivered, and return the messages per second."""
    before, count = len(receiver.responses), rounds * BULK
    column = api.site.growing_columns[0]["id"]
    cards = [{"title": str(number), "columnId": column} for number in range(BULK)]
    receiver.opened.clear()
    for _ in range(rounds):
        await api.ask("POST", f"{api.site.growing_path}/cards/bulk", {"cards": cards})
    writing = asyncio.create_task(_write_until_cancelled(api))
    began = time.perf_counter()
    receiver.opened.set()
    await _wait_for_responses(receiver, before + count)
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    return count / (receiver.responses[before + count - 1] - began)


async def _write_until_cancelled(api: Api) -> None:
    while True:
        await write_cards(api, 1.0)
