"""The API on the event loop that serves Django over ASGI."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import Context

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from stellary.asgi import AsgiApp, AsgiMessage, AsgiScope
from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import close_with_core, get_core
from stellary.contrib.django.requests import find_actor, read_headers, set_headers, split_path
from stellary.contrib.django.units import is_active
from stellary.core import Actor

CHUNK = 64 << 10
STOP_SECONDS = 30.0
_REQUEST = "stellary.request"


async def respond(request: HttpRequest, tail: str) -> HttpResponseBase:
    """Answer a request, on the event loop of the server.

    Args:
        request: The request.
        tail: The decoded path below the prefix of the API.
    """
    exchange = _DjangoExchange(request)
    exchange.start(await _get_app(), _build_scope(request, tail))
    return await exchange.build_response()


def _build_scope(request: HttpRequest, tail: str) -> AsgiScope:
    prefix, path = split_path(request, tail)
    return {
        "type": "http",
        "method": request.method,
        "root_path": request.path.removesuffix(tail).rstrip("/"),
        "path": request.path,
        "raw_path": f"{prefix}{path}".encode(),
        "query_string": request.META.get("QUERY_STRING", "").encode(),
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in read_headers(request).items()],
        "client": (request.META.get("REMOTE_ADDR"), 0),
        _REQUEST: request,
    }


async def _identify(scope: AsgiScope) -> Actor | None:
    """Return the actor of the user that Django has logged in."""
    actor: Actor | None = await sync_to_async(find_actor)(scope[_REQUEST])
    return actor


class _Runner:
    """The application on one event loop. Django has no lifespan, so it starts with the first request.

    Attributes:
        app: The application.
        ready: Done when the application has started.
        is_stopped: Whether it answers no more requests.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        configuration = load_configuration()
        self.app = AsgiApp(
            get_core(),
            who=_identify,
            is_active=sync_to_async(is_active),
            hide=configuration.hide,
            limits=configuration.limits,
            cors_origins=configuration.cors_origins,
            jobs=configuration.jobs,
        )
        self.ready: asyncio.Future[None] = loop.create_future()
        self.is_stopped = False
        self._loop = loop
        self._stopping = asyncio.Event()
        # In a context of its own: that of the first request ends with the request.
        self._task = loop.create_task(self._run(), context=Context())
        close_with_core(self.stop)

    async def _run(self) -> None:
        try:
            async with self.app.running():
                self.ready.set_result(None)
                await self._stopping.wait()
        except Exception as error:
            if self.ready.done():
                raise
            self.ready.set_exception(error)
        finally:
            self.is_stopped = True

    def stop(self) -> None:
        """End streams, finish what has begun, and stop the threads. Call it in any thread."""
        self.is_stopped = True
        if not self._loop.is_running():
            return
        stopped = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        if find_loop() is not self._loop:
            with suppress(TimeoutError):
                stopped.result(STOP_SECONDS)

    async def _end(self) -> None:
        self._stopping.set()
        await asyncio.wait({self._task})


_runners: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Runner] = weakref.WeakKeyDictionary()


async def _get_app() -> AsgiApp:
    """Return the application of this event loop, started."""
    # Before the runner is looked up, since it closes the core if the database has changed.
    get_core()
    loop = asyncio.get_running_loop()
    runner = _runners.get(loop)
    if runner is None or runner.is_stopped:
        runner = _runners[loop] = _Runner(loop)
    await asyncio.shield(runner.ready)
    return runner.app


def find_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread; None without one."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


class _DjangoExchange:
    """One request and its response, between Django and an ASGI application.

    Args:
        request: The request, whose body Django has received.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._has_ended = False
        self._is_closed = asyncio.Event()
        # The messages of the application, and None when it has ended.
        self._messages: asyncio.Queue[AsgiMessage | None] = asyncio.Queue()
        # One part at a time, so that the application waits while the client is slow.
        self._room = asyncio.Semaphore(1)
        self._task: asyncio.Task[None]

    def start(self, app: AsgiApp, scope: AsgiScope) -> None:
        """Let an application answer the request."""
        self._task = asyncio.create_task(app(scope, self._receive, self._send))
        self._task.add_done_callback(lambda _: self._messages.put_nowait(None))

    async def _receive(self) -> AsgiMessage:
        if not self._has_ended:
            chunk = self._request.read(CHUNK)
            self._has_ended = not chunk
            return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}
        await self._is_closed.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: AsgiMessage) -> None:
        if self._is_closed.is_set():
            raise ConnectionResetError("the client has disconnected")
        if message.get("more_body"):
            await self._room.acquire()
        self._messages.put_nowait(message)

    async def build_response(self) -> HttpResponseBase:
        """Return the response: with its whole body if that arrives in one part, or else as a stream."""
        try:
            start = await self._next_message()
            part = await self._next_message()
        except BaseException:
            self.close()
            raise
        response: HttpResponseBase = (
            StreamingHttpResponse(self._iterate(part), status=start["status"])
            if part.get("more_body")
            else HttpResponse(part["body"], status=start["status"])
        )
        set_headers(response, [(name.decode(), text.decode("latin-1")) for name, text in start["headers"]])
        return response

    async def _iterate(self, part: AsgiMessage) -> AsyncIterator[bytes]:
        try:
            while True:
                if part["body"]:
                    yield part["body"]
                if not part.get("more_body"):
                    return
                self._room.release()
                part = await self._next_message()
        finally:
            self.close()

    async def _next_message(self) -> AsgiMessage:
        """Return the next message of the application.

        Raises:
            RuntimeError: It has ended without a complete response.
        """
        message = await self._messages.get()
        if message is not None:
            return message
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error
        raise RuntimeError("the response is incomplete")

    def close(self) -> None:
        """Note that the client has disconnected, or has the whole response."""
        self._is_closed.set()
        self._task.cancel()
