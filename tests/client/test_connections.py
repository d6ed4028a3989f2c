"""Connections: one for each concurrent call, kept for the next ones, and never shared between processes."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stellary import AsyncStellary, Stellary, TimedOut
from tests.support.colours import resolve

CALLS = 30
"""More than the 20 idle connections that an httpx client keeps."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class GatheringServer:
    """A server that answers when ``size`` requests have arrived. Streams stay silent, and ``/auth/me`` gets no answer."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.connections = 0
        self.url = ""
        self._waiting: list[asyncio.StreamWriter] = []
        self._handlers: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._handlers.add(asyncio.current_task())
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    self._answer(head, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/events" in head:
            writer.write(HEAD)
        elif b"/auth/me" not in head:
            self._waiting.append(writer)
        if len(self._waiting) == self.size:
            for waiting in self._waiting:
                waiting.write(ANSWER)
            self._waiting.clear()

    async def _run(self, ready: threading.Event, loops: list[asyncio.AbstractEventLoop]) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._stop = asyncio.Event()
        loops.append(asyncio.get_running_loop())
        ready.set()
        await self._stop.wait()
        server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[GatheringServer]:
        ready, loops = threading.Event(), []
        thread = threading.Thread(target=asyncio.run, args=[self._run(ready, loops)])
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loops[0].call_soon_threadsafe(self._stop.set)
            thread.join(10)


@pytest.fixture
def server(request):
    with GatheringServer(getattr(request, "param", CALLS)).running() as server:
        yield server


def test_concurrent_calls_in_threads_use_their_connections_again(server):
    with Stellary(server.url, max_retries=0) as client, ThreadPoolExecutor(CALLS) as pool:
        for _ in range(3):
            assert list(pool.map(lambda _: client.organizations.list(), range(CALLS))) == [[]] * CALLS
    assert server.connections == CALLS


async def test_concurrent_async_calls_use_their_connections_again(server):
    async with AsyncStellary(server.url, max_retries=0) as client:
        for _ in range(3):
            assert await asyncio.gather(*(client.organizations.list() for _ in range(CALLS))) == [[]] * CALLS
    assert server.connections == CALLS


@pytest.mark.parametrize("server", [1], indirect=True)
async def test_call_after_a_failed_one_has_a_new_connection(server, colour):
    client = colour(server.url, max_retries=0)
    await resolve(client.organizations.list())
    with pytest.raises(TimedOut):
        await resolve(client.with_options(timeout=0.05).auth.me())
    assert await resolve(client.organizations.list()) == []
    await resolve(client.close())
    assert server.connections == 2


@pytest.mark.parametrize("server", [1], indirect=True)
async def test_streams_leave_calls_their_connections(server):
    async with AsyncStellary(server.url, max_retries=0) as client, contextlib.AsyncExitStack() as streams:
        stack = [await streams.enter_async_context(client.workspace("a", "b").events()) for _ in range(101)]
        waits = [asyncio.create_task(anext(events)) for events in stack]
        while server.connections < len(waits):  # noqa: ASYNC110 - the server runs in another thread
            await asyncio.sleep(0.01)
        assert await client.organizations.list() == []
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks")
@pytest.mark.parametrize("server", [1], indirect=True)
def test_forked_process_makes_connections_of_its_own(server):
    script = """
import os, sys
from stellary import Stellary

client = Stellary(sys.argv[1], max_retries=0)
client.organizations.list()
child = os.fork()
client.organizations.list()
if not child:
    os._exit(0)
os.waitpid(child, 0)
client.organizations.list()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script, server.url], check=True, timeout=60)
    assert server.connections == 2
