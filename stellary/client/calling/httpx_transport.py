"""HTTP, by httpx. Whatever httpx raises leaves here as an error of ours."""

from __future__ import annotations

import asyncio
import io
import math
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from stellary.client.errors import ConnectionFailed, TimedOut
from stellary.contract.errors import StellaryError
from stellary.contract.port import RawRequest, RawResponse

CONNECT = 5.0
"""Seconds for making a connection, at most."""
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
_CONCURRENT = 100
"""Requests of one event loop that are on their way at a time; as many as there may be connections."""
_URLS_MAX = 512
_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""That of an httpx client that was not told one."""
_OUR_TIMEOUT = {"connect": CONNECT, "read": None, "write": None, "pool": CONNECT}

HttpClient = httpx.Client
AsyncHttpClient = httpx.AsyncClient


class _Requests:
    """A builder of httpx's requests.

    Args:
        url: What stands before each path.
        client: The caller's own, whose headers, parameters, cookies and time-outs are merged in. Without one, requests are
            built here, because ``client.build_request`` costs more than all the rest of a call in Python.
    """

    def __init__(self, url: str, client: httpx.Client | httpx.AsyncClient | None) -> None:
        self._base = url
        self._client = client
        self._urls: dict[str, httpx.URL] = {}

    @property
    def wait(self) -> float | None:
        """Seconds that the caller's own client lets a read wait, if it was told; infinite if it has no limit."""
        if self._client is None or self._client.timeout == _HTTPX_TIMEOUT:
            return None
        read = self._client.timeout.read
        return math.inf if read is None else read

    def build(
        self, request: RawRequest, seconds: float, body: Iterable[bytes] | AsyncIterator[bytes] | None = None
    ) -> httpx.Request:
        """Return the request, each wait of which ends within so many seconds."""
        return (
            self._merged(request, seconds, seconds, body)
            if self._client
            else self._plain(request, seconds, body)
        )

    def build_stream(self, request: RawRequest, silence: float) -> httpx.Request:
        """Return a request for a stream, which breaks after so many seconds without a byte."""
        return (
            self._merged(request, silence, None, None)
            if self._client
            else self._plain(request, silence, None)
        )

    def _merged(
        self,
        request: RawRequest,
        seconds: float,
        read: float | None,
        body: Iterable[bytes] | AsyncIterator[bytes] | None,
    ) -> httpx.Request:
        """Return a request with what the caller's own client adds to each.

        Args:
            request: What to send; its headers win.
            seconds: The longest wait.
            read: The same for reading, within what the client allows; None if that does not count.
            body: In place of the request's body.
        """
        client = self._client
        assert client is not None
        headers = dict(request.headers)
        named = client.headers.get("user-agent", "")
        if not named.startswith("python-httpx/") and headers.get("user-agent", "").startswith(
            "stellary-python/"
        ):
            del headers["user-agent"]
        limits = _OUR_TIMEOUT if client.timeout == _HTTPX_TIMEOUT else client.timeout.as_dict()
        waits = {name: min(seconds, math.inf if limit is None else limit) for name, limit in limits.items()}
        if read is None:
            waits["read"] = seconds
        target = f"{request.path}?{request.query}" if request.query else request.path
        return client.build_request(
            request.method,
            self._base + target,
            # httpx replaces the query by the client's parameters unless it knows ours as parameters too.
            params=request.query if client.params else None,
            headers=headers,
            content=request.body or body,
            timeout=httpx.Timeout(
                **{name: None if wait == math.inf else wait for name, wait in waits.items()}
            ),
        )

    def _plain(
        self, request: RawRequest, seconds: float, body: Iterable[bytes] | AsyncIterator[bytes] | None
    ) -> httpx.Request:
        target = f"{request.path}?{request.query}" if request.query else request.path
        url = self._urls.get(target)
        if url is None:
            url = httpx.URL(self._base + target)
            # Taking a URL apart is a quarter of a request's cost. Polling asks for the same ones again and again.
            if len(self._urls) < _URLS_MAX:
                self._urls[target] = url
        connect = min(CONNECT, seconds)
        return httpx.Request(
            request.method,
            url,
            headers={"accept-encoding": "gzip, deflate", **request.headers},
            content=request.body or body,
            extensions={"timeout": {"connect": connect, "read": seconds, "write": seconds, "pool": connect}},
        )


def _auth(request: RawRequest) -> Any:
    """Return the ``auth`` for a request: none beside a token of ours, else that of the httpx client."""
    return None if "authorization" in request.headers else httpx.USE_CLIENT_DEFAULT


async def read_in_threads(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The same blocks, each read in a thread: a file's disk may be slow."""
    reading = iter(blocks)
    while (block := await asyncio.to_thread(next, reading, None)) is not None:
        yield block


_RAISED = (httpx.HTTPError, httpx.InvalidURL, RuntimeError)


def _translated(error: Exception) -> Exception:
    """What the port promises in place of what httpx has raised."""
    if isinstance(error, httpx.TimeoutException):
        reached = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        return TimedOut(_said("no answer in time", error), reached=reached)
    if isinstance(error, _UNREACHED):
        url = error.request.url
        return ConnectionFailed(
            _said(f"no connection to {url.scheme}://{url.netloc.decode()}", error), reached=False
        )
    if isinstance(error, httpx.HTTPError):
        return ConnectionFailed(_said("the connection broke", error))
    if isinstance(error, httpx.InvalidURL):
        return StellaryError(f"this cannot be asked for: {error}")
    return StellaryError("the client is closed") if "closed" in str(error) else error


_UNREACHED = (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.ProxyError, httpx.LocalProtocolError)


def _said(what: str, error: Exception) -> str:
    return f"{what}: {error}" if str(error) else what


class HttpStream:
    """An answer that goes on."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status, self.headers = response.status_code, response.headers
        self.blocks = self._read()

    def _read(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_bytes()
        except _RAISED as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()


class AsyncHttpStream:
    """The same for callers that await."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status, self.headers = response.status_code, response.headers
        self.blocks = self._read()

    async def _read(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._response.aiter_bytes():
                yield block
        except _RAISED as error:
            raise _translated(error) from None

    async def close(self) -> None:
        """Give the connection up."""
        await self._response.aclose()


class HttpCarrier:
    """HTTP for callers that block.

    Args:
        url: What stands before each path.
        client: One of yours, which stays yours to close. Without one, ours is made by the first request.
    """

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._requests = _Requests(url, client)
        self.wait = self._requests.wait
        self._client = client
        self._own = client is None
        self._secure = url.startswith("https:")
        self._lock = threading.Lock()
        self._closed = False

    def _made(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise StellaryError("the client is closed")
            if self._client is None:
                # Loading the certificates that https needs takes 10 ms.
                self._client = httpx.Client(verify=self._secure, limits=_LIMITS)
            return self._client

    def send(self, request: RawRequest, seconds: float, /) -> RawResponse:
        """Send the request; each wait and the whole of it are kept within so many seconds."""
        client = self._client or self._made()
        until = time.monotonic() + seconds
        body = io.BytesIO()
        try:
            response = client.send(
                self._requests.build(request, seconds, request.blocks), stream=True, auth=_auth(request)
            )
            try:
                for part in response.iter_bytes():
                    body.write(part)
                    if time.monotonic() > until:
                        del part  # a traceback with local variables must not show a token in it
                        raise TimedOut("the answer was not complete in time")
            finally:
                response.close()
        except _RAISED as error:
            raise _translated(error) from None
        return RawResponse(response.status_code, response.headers, body.getvalue())

    def open(self, request: RawRequest, silence: float, /) -> HttpStream:
        """Begin a stream, which breaks after so many seconds without a byte."""
        client = self._client or self._made()
        try:
            return HttpStream(
                client.send(self._requests.build_stream(request, silence), stream=True, auth=_auth(request))
            )
        except _RAISED as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Close our client; calls fail from now on. One of yours stays open."""
        if not self._own:
            return
        with self._lock:
            self._closed, client, self._client = True, self._client, None
        if client is not None:
            client.close()


class _LoopClient:
    """The httpx client of one event loop, and the places for requests on it."""

    def __init__(self, secure: bool) -> None:
        self.http = httpx.AsyncClient(verify=secure, limits=_LIMITS)
        # httpcore looks through all its waiting requests whenever one ends; they wait here instead.
        self.places = asyncio.Semaphore(_CONCURRENT)
        self._closer: AsyncGenerator[None, None] | None = None

    async def close_with_loop(self) -> None:
        """Close the client when its event loop ends: ``asyncio.run`` closes the generators that its loop has begun."""
        if self._closer is None:
            self._closer = self._close_at_end()
            await anext(self._closer)

    async def _close_at_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.http.aclose()

    async def close(self) -> None:
        """Close the client now."""
        if self._closer is not None:
            await self._closer.aclose()


class AsyncHttpCarrier:
    """HTTP for callers that await. Each event loop has connections of its own, since they cannot move to another.

    Args:
        url: What stands before each path.
        client: One of the caller's, which stays theirs to close and belongs to their event loop.
    """

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._requests = _Requests(url, client)
        self.wait = self._requests.wait
        self._client = client
        self._secure = url.startswith("https:")
        self._lock = threading.Lock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClient] = WeakKeyDictionary()
        self._closed = False

    async def _loop_client(self) -> _LoopClient:
        """Return what belongs to the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._closed:
                raise StellaryError("the client is closed")
            found = self._loops.get(loop)
            if found is None:
                found = self._loops[loop] = _LoopClient(self._secure)
        await found.close_with_loop()
        return found

    async def send(self, request: RawRequest, seconds: float, /) -> RawResponse:
        """Send the request; each wait and the whole of it are kept within so many seconds."""
        if self._client is not None:
            return await self._send(self._client, request, seconds)
        own = await self._loop_client()
        until = time.monotonic() + seconds
        if own.places.locked():
            try:
                async with asyncio.timeout(seconds):
                    await own.places.acquire()
            except TimeoutError:
                raise TimedOut("no connection became free in time", reached=False) from None
        else:
            await own.places.acquire()
        try:
            return await self._send(own.http, request, max(until - time.monotonic(), 0.001))
        finally:
            own.places.release()

    async def _send(self, client: httpx.AsyncClient, request: RawRequest, seconds: float) -> RawResponse:
        until = time.monotonic() + seconds
        body = io.BytesIO()
        sent = None if request.blocks is None else read_in_threads(request.blocks)
        try:
            response = await client.send(
                self._requests.build(request, seconds, sent), stream=True, auth=_auth(request)
            )
            try:
                async for part in response.aiter_bytes():
                    body.write(part)
                    if time.monotonic() > until:
                        del part  # a traceback with local variables must not show a token in it
                        raise TimedOut("the answer was not complete in time")
            finally:
                await response.aclose()
        except _RAISED as error:
            raise _translated(error) from None
        return RawResponse(response.status_code, response.headers, body.getvalue())

    async def open(self, request: RawRequest, silence: float, /) -> AsyncHttpStream:
        """Begin a stream, which breaks after so many seconds without a byte."""
        client = self._client or (await self._loop_client()).http
        try:
            return AsyncHttpStream(
                await client.send(
                    self._requests.build_stream(request, silence), stream=True, auth=_auth(request)
                )
            )
        except _RAISED as error:
            raise _translated(error) from None

    async def close(self) -> None:
        """Close our connections, those of other event loops too; calls fail from now on. A client of yours stays open."""
        if self._client is not None:
            return
        with self._lock:
            self._closed = True
            clients, self._loops = list(self._loops.items()), WeakKeyDictionary()
        for loop, client in clients:
            if loop is asyncio.get_running_loop():
                await client.close()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(client.close(), loop)
