"""Load: a few clients on kept-alive connections that send prebuilt requests, each as soon as it has its answer.

A generator that costs as much as the server would measure itself: no HTTP library, a head is searched for its length.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import time
from collections.abc import Iterator, Sequence
from typing import cast

import attrs

Requests = Iterator[bytes]
"""The endless requests of one client."""

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\nContent-Length: "
_PATIENCE = 60.0


@attrs.frozen
class Slot:
    """The result of one slot of load.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: In seconds, one per answer.
        failures: The answers that were no 2xx, in full.
    """

    seconds: float
    latencies: list[float]
    failures: list[bytes]

    @property
    def count(self) -> int:
        return len(self.latencies)


def request_bytes(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Accept: application/json",
    ]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + _HEAD_END + body


class _Client(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._missing = 0
        self._answer = b""
        self._began = 0.0
        self._deadline = 0.0
        self.latencies: list[float] = []
        self.failures: list[bytes] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server has closed the connection"))

    def begin(self, deadline: float) -> None:
        self._deadline = deadline
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self.transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
            if self._missing:
                return
        else:
            self._answer += data
            head = self._answer.find(_HEAD_END)
            if head < 0:
                return
            start = self._answer.index(_LENGTH, 0, head + 2) + len(_LENGTH)
            length = int(self._answer[start : self._answer.index(b"\r", start)])
            self._missing = head + len(_HEAD_END) + length - len(self._answer)
            if self._missing:
                return
        self._finish_answer()

    def _finish_answer(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._began)
        if self._answer[9:10] != b"2":
            self.failures.append(self._answer)
        self._answer = b""
        if now < self._deadline:
            self._send()
        else:
            self.ended.set_result(None)


async def load(port: int, clients: Sequence[Requests], seconds: float) -> Slot:
    """Put a server under load for a while.

    Args:
        port: Where it listens, on this machine.
        clients: What each of them sends; how many there are is the number of connections.
        seconds: After which no further request is sent.

    Raises:
        TimeoutError: An answer took a minute.
    """
    loop = asyncio.get_running_loop()
    connected = []
    for requests in clients:
        _, client = await loop.create_connection(functools.partial(_Client, requests), "127.0.0.1", port)
        connected.append(client)
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        for client in connected:
            client.begin(began + seconds)
        async with asyncio.timeout(seconds + _PATIENCE):
            await asyncio.gather(*(client.ended for client in connected))
        elapsed = time.perf_counter() - began
    finally:
        gc.enable()
        for client in connected:
            client.transport.abort()
    return Slot(
        elapsed,
        [item for client in connected for item in client.latencies],
        [item for client in connected for item in client.failures],
    )
