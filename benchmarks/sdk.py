"""The client beside raw httpx with ``json``: one card, a list of 200, and a new card, with a server that does nothing.

The calls alternate, so that other work of the machine affects both; the figures are ratios of the medians of the
processor times of this process. Each card is requested once, so that neither side profits from a cache of URLs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from statistics import median

import httpx

from stellary import AsyncStellary, Stellary
from stellary.client.testing import make
from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem, ChecklistProgress
from stellary.contract.wire import dump

PROJECT = "/orgs/acme/workspaces/eng/projects/665f1a2b3c4d5e6f7a8b9c0d"
TOKEN = "synth_" + "x" * 44
DESCRIPTION = """What the page shows today is a white rectangle. People take that for a failure.

- say what is missing, and "why"
- offer the way on
"""
ROWS = 200
GETS, LISTS, CREATES = 2_000, 300, 2_000
TITLE, DUE, LABELS = "Write the specification", datetime(2026, 4, 1, tzinfo=UTC), ["0" * 24, "1" * 24]
NEW_CARD = {
    "title": TITLE,
    "description": DESCRIPTION,
    "dueDate": "2026-04-01T00:00:00Z",
    "labelIds": LABELS,
}


def make_card(number: int) -> Card:
    """Return a typical card with labels and a date; every fourth has a checklist."""
    steps = [ChecklistItem(id=f"{n:024x}", title=f"Step {n}", done=n < 2, order=n) for n in range(4)]
    return make(
        Card,
        key=f"LAUNCH-{number}",
        title=f"Write the part of the specification that is about number {number}",
        description=DESCRIPTION,
        order=number,
        due_date=datetime(2026, 4, 1, tzinfo=UTC),
        assignee_id=f"{number:024x}",
        label_ids=[f"{number:024x}", f"{number + 1:024x}"],
        checklist=steps if number % 4 == 0 else [],
        checklist_progress=ChecklistProgress(done=2, total=4, percent=50),
    )


class ResponseProtocol(asyncio.Protocol):
    """A server that responds to each request with prepared bytes: a card, or the list of cards."""

    def __init__(self, one: bytes, many: bytes) -> None:
        self.one = one
        self.many = many
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not end or len(body) < (int(length.group(1)) if length else 0):
            return
        self.received = b""
        is_list = head.startswith(b"GET") and b"/cards HTTP/1.1" in head
        self.transport.write(self.many if is_list else self.one)  # type: ignore[attr-defined]


def build_response(body: bytes) -> bytes:
    """Return a complete response, with the headers of the reference server."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f'Content-Length: {len(body)}\r\nX-Request-Id: req_0123456789abcdef\r\nETag: "3"\r\n'
        "Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nServer: bench\r\n\r\n"
    )
    return head.encode() + body


async def serve() -> None:
    """Serve until the process is stopped."""
    cards = [make_card(number) for number in range(ROWS)]
    one, many = build_response(dump(cards[0])), build_response(dump(cards))
    server = await asyncio.get_running_loop().create_server(
        lambda: ResponseProtocol(one, many), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def server() -> Iterator[str]:
    """Run a server, on a separate core if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sdk", "serve"], stdout=subprocess.PIPE)
    try:
        os.sched_setaffinity(process.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        os.sched_setaffinity(0, set(cores))
        process.terminate()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def compare_calls(ours: Callable[[str], object], theirs: Callable[[str], object], times: int) -> float:
    """Return the ratio of the medians of our calls and of theirs, made in turn."""
    durations: tuple[list[float], list[float]] = ([], [])
    ids = (f"{number:024x}" for number in itertools.count())
    for turn in range(-20, times):
        # The order alternates, since the second call finds the caches warm.
        for side in (turn % 2, 1 - turn % 2):
            call, id_ = (ours, theirs)[side], next(ids)
            began = time.process_time()
            call(id_)
            if turn >= 0:
                durations[side].append(time.process_time() - began)
    return median(durations[0]) / median(durations[1])


async def compare_awaited_calls(
    ours: Callable[[str], Awaitable[object]], theirs: Callable[[str], Awaitable[object]], times: int
) -> float:
    """Return the ratio of the medians, like ``compare_calls``, for async calls."""
    durations: tuple[list[float], list[float]] = ([], [])
    ids = (f"{number:024x}" for number in itertools.count())
    for turn in range(-20, times):
        for side in (turn % 2, 1 - turn % 2):
            call, id_ = (ours, theirs)[side], next(ids)
            began = time.process_time()
            await call(id_)
            if turn >= 0:
                durations[side].append(time.process_time() - began)
    return median(durations[0]) / median(durations[1])


def measure_sync(url: str) -> Iterator[tuple[str, float]]:
    """Yield the figures of ``Stellary``, by name."""
    with (
        httpx.Client(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as http,
        Stellary(url, token=TOKEN) as client,
    ):
        cards = client.workspace("acme", "eng").project(PROJECT.rpartition("/")[2]).cards
        yield (
            "sdk.get",
            compare_calls(
                cards.get, lambda id_: json.loads(http.get(f"{PROJECT}/cards/{id_}").content), GETS
            ),
        )
        yield (
            "sdk.list",
            compare_calls(
                lambda _: cards.list(), lambda _: json.loads(http.get(f"{PROJECT}/cards").content), LISTS
            ),
        )
        yield (
            "sdk.create",
            compare_calls(
                partial(cards.create, title=TITLE, description=DESCRIPTION, due_date=DUE, label_ids=LABELS),
                lambda id_: json.loads(http.post(f"{PROJECT}/columns/{id_}/cards", json=NEW_CARD).content),
                CREATES,
            ),
        )


async def measure_async(url: str) -> dict[str, float]:
    """Return the figures of ``AsyncStellary``, by name."""
    async with (
        httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {TOKEN}"}) as http,
        AsyncStellary(url, token=TOKEN) as client,
    ):
        cards = client.workspace("acme", "eng").project(PROJECT.rpartition("/")[2]).cards

        async def get(id_: str) -> object:
            return json.loads((await http.get(f"{PROJECT}/cards/{id_}")).content)

        async def list_(_: str) -> object:
            return json.loads((await http.get(f"{PROJECT}/cards")).content)

        async def create(id_: str) -> object:
            return json.loads((await http.post(f"{PROJECT}/columns/{id_}/cards", json=NEW_CARD)).content)

        return {
            "sdk.async.get": await compare_awaited_calls(cards.get, get, GETS),
            "sdk.async.list": await compare_awaited_calls(lambda _: cards.list(), list_, LISTS),
            "sdk.async.create": await compare_awaited_calls(
                partial(cards.create, title=TITLE, description=DESCRIPTION, due_date=DUE, label_ids=LABELS),
                create,
                CREATES,
            ),
        }


def run() -> dict[str, float]:
    """Return the time of a call relative to raw httpx, by name."""
    with server() as url:
        return {**dict(measure_sync(url)), **asyncio.run(measure_async(url))}


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        for name, ratio in run().items():
            print(f"{name:16} {ratio:.3f}")
