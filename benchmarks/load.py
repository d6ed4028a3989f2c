"""Load: a few clients on kept-alive connections that send prebuilt requests, each as soon as it has the response to the previous one.

A load generator must cost less than the server. So this one uses no HTTP library, and reads only the length from a head.
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
"""The requests of one client, most often endless."""

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "
_TIMEOUT_SECONDS = 60.0


@attrs.frozen
class Slot:
    """The result of one slot of load.

    Attributes:
        seconds: The time from the first request to the last response.
        latencies: The latency of each response, in seconds.
        failures: The complete responses with a status other than 2xx.
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
    """One connection with one request in flight."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._missing = 0
        self._response = b""
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
        request = next(self._requests, None)
        if request is None:
            self.ended.set_result(None)
            return
        self._began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
            if self._missing:
                return
        else:
            self._response += data
            head = self._response.find(_HEAD_END)
            if head < 0:
                return
            start = self._response[: head + 2].lower().index(_LENGTH) + len(_LENGTH)
            length = int(self._response[start : self._response.index(b"\r", start)])
            self._missing = head + len(_HEAD_END) + length - len(self._response)
            if self._missing:
                return
        self._finish_response()

    def _finish_response(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._began)
        if self._response[9:10] != b"2":
            self.failures.append(self._response)
        self._response = b""
        if now < self._deadline:
            self._send()
        else:
            self.ended.set_result(None)


async def load(port: int, clients: Sequence[Requests], seconds: float) -> Slot:
    """Put a server under load for a while.

    Args:
        port: The port of the server on this machine.
        clients: The requests of each client; each client has one connection.
        seconds: The time after which no further request is sent, if there are more.

    Raises:
        TimeoutError: A response took a minute.
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
        async with asyncio.timeout(seconds + _TIMEOUT_SECONDS):
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
