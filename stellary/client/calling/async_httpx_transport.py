"""HTTP by httpx for async callers.

Blocking callers do not import this module: importing ``asyncio`` takes a tenth of the time until the first client is ready.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from weakref import WeakKeyDictionary

import httpx

from stellary.client.calling.carriers import OpenStream, read_in_threads
from stellary.client.calling.httpx_transport import (
    RAISED,
    BodyParts,
    Connections,
    RequestBuilder,
    get_auth,
    translate_error,
)
from stellary.client.errors import TimedOut
from stellary.contract.errors import StellaryError
from stellary.contract.port import RawRequest, RawResponse

_CONCURRENT = 100
"""The maximum number of concurrent requests per event loop. Each has a connection of its own; streams do not count."""


async def _read_blocks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for block in response.aiter_bytes():
            yield block
    except RAISED as error:
        raise translate_error(error) from None


async def _do_nothing() -> None:
    """Release nothing: the client of a stream is the caller's own."""


class _LoopConnections:
    """The connections of one event loop, and the slots for its concurrent requests."""

    def __init__(self, secure: bool) -> None:
        self.connections = Connections(httpx.AsyncClient, secure)
        self.slots = asyncio.Semaphore(_CONCURRENT)
        self._closer: AsyncGenerator[None, None] | None = None

    async def close_with_loop(self) -> None:
        """Close the connections when their event loop ends: ``asyncio.run`` closes the async generators of its loop."""
        if self._closer is None:
            self._closer = self._close_at_end()
            await anext(self._closer)

    async def _close_at_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for client in list(self.connections.open):
                await client.aclose()

    async def discard(self, client: httpx.AsyncClient) -> None:
        """Close the connection of a stream, or of a call that failed, whose state is not known."""
        self.connections.open.discard(client)
        await client.aclose()

    async def close(self) -> None:
        """Close the connections now."""
        if self._closer is not None:
            await self._closer.aclose()


class AsyncHttpCarrier:
    """HTTP for async callers. Each event loop has its own connections, since they cannot move to another loop.

    Args:
        url: The base URL, prepended to each path.
        client: Your own client, which you close yourself and which belongs to your event loop.
    """

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._requests = RequestBuilder(url, client, httpx.AsyncClient)
        self.wait = self._requests.wait
        self._client = client
        self._secure = url.startswith("https:")
        self._lock = threading.Lock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopConnections] = WeakKeyDictionary()
        self._closed = False

    async def _get_connections(self) -> _LoopConnections:
        """Return the connections of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._closed:
                raise StellaryError("the client is closed")
            connections = self._loops.get(loop)
            if connections is None:
                connections = self._loops[loop] = _LoopConnections(self._secure)
        await connections.close_with_loop()
        return connections

    async def send(self, request: RawRequest, seconds: float, /) -> RawResponse:
        """Send the request; each wait, and the call as a whole, is limited to ``seconds``.

        Args:
            request: The request.
            seconds: The limit of each wait and of the whole call, in seconds, including the wait for a free
                connection.

        Returns:
            The response with its complete body.

        Raises:
            TimedOut: The limit was reached.
            ConnectionFailed: The connection could not be made, or broke.
        """
        if self._client is not None:
            return await self._send(self._client, request, seconds)
        loop = await self._get_connections()
        until = time.monotonic() + seconds
        if loop.slots.locked():
            try:
                async with asyncio.timeout(seconds):
                    await loop.slots.acquire()
            except TimeoutError:
                raise TimedOut("no connection became free in time", reached=False) from None
        else:
            await loop.slots.acquire()
        try:
            client = loop.connections.take()
            try:
                response = await self._send(client, request, max(until - time.monotonic(), 0.001))
            except (Exception, asyncio.CancelledError):
                await loop.discard(client)
                raise
            loop.connections.give_back(client)
            return response
        finally:
            loop.slots.release()

    async def _send(self, client: httpx.AsyncClient, request: RawRequest, seconds: float) -> RawResponse:
        until = time.monotonic() + seconds
        parts = BodyParts()
        blocks = None if request.blocks is None else read_in_threads(request.blocks)
        try:
            response = await client.send(
                self._requests.build(request, seconds, blocks), stream=True, auth=get_auth(request)
            )
            try:
                async for part in response.aiter_bytes():
                    parts.append(part)
                    del part  # a traceback with local variables must not show a token in it
                    if time.monotonic() > until:
                        raise TimedOut("the answer was not complete in time")
            finally:
                await response.aclose()
        except RAISED as error:
            raise translate_error(error) from None
        return RawResponse(response.status_code, response.headers, b"".join(parts))

    async def open(self, request: RawRequest, silence: float, /) -> OpenStream:
        """Open a stream, which fails after ``silence`` seconds without a byte.

        Args:
            request: The request.
            silence: The longest time between two bytes, in seconds.

        Raises:
            TimedOut: The response did not begin in time.
            ConnectionFailed: The connection could not be made, or broke.
        """
        if self._client is not None:
            return await self._open(self._client, request, silence, _do_nothing)
        loop = await self._get_connections()
        client = loop.connections.take()
        try:
            return await self._open(client, request, silence, lambda: loop.discard(client))
        except (Exception, asyncio.CancelledError):
            await loop.discard(client)
            raise

    async def _open(
        self,
        client: httpx.AsyncClient,
        request: RawRequest,
        silence: float,
        release: Callable[[], Awaitable[None]],
    ) -> OpenStream:
        try:
            response = await client.send(
                self._requests.build(request, silence, is_stream=True), stream=True, auth=get_auth(request)
            )
        except RAISED as error:
            raise translate_error(error) from None

        async def close() -> None:
            try:
                await response.aclose()
            finally:
                await release()

        return OpenStream(response.status_code, response.headers, _read_blocks(response), close)

    async def close(self) -> None:
        """Close the connections of all event loops, after which calls fail. A client that you passed stays open."""
        if self._client is not None:
            return
        with self._lock:
            self._closed = True
            loops, self._loops = list(self._loops.items()), WeakKeyDictionary()
        for loop, connections in loops:
            if loop is asyncio.get_running_loop():
                await connections.close()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(connections.close(), loop)
