"""The API as an ASGI application: for uvicorn, or mounted in Starlette, FastAPI or asynchronous Django."""

from __future__ import annotations

import asyncio
import inspect
import logging
import signal
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    MutableMapping,
)
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import quote

from stellary.contract.port import RawResponse
from stellary.core.http.addresses import client_address
from stellary.core.http.api import Api
from stellary.core.http.context import RequestContext, encode_target
from stellary.core.http.hosted_api import HostedApi
from stellary.core.kernel.unit import Actor

T = TypeVar("T")
R = TypeVar("R")
_log = logging.getLogger("stellary.server")
FLUSH_SECONDS = 10.0
"""The longest wait for a client to receive the last events of a stream that has ended."""
AsgiScope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]
AsgiSend = Callable[[AsgiMessage], Awaitable[None]]
Who = Callable[[AsgiScope], Actor | Awaitable[Actor | None] | None]
"""Returns the actor that the host's application has logged in, or None. A function that is not a coroutine runs in a thread."""

IsActive = Callable[[str], bool | Awaitable[bool]]
"""Returns whether the user with an external id may still use the API. A function that is not a coroutine runs in a thread."""


class AsgiApp(HostedApi[Who, IsActive]):
    """The API of a core as an ASGI 3 application.

    Frameworks do not run the lifespan of mounted applications: enter ``running`` in that of the host's application.

    Args:
        core: A migrated core, which the caller closes.
        who: Returns the actor for the scope of a request, from the session of the host's application. If it returns
            None, the bearer token of the request decides, as it does without this argument.
        is_active: Returns whether the user of the host with an external id may still use the API. It is called for each
            request with a bearer token of such a user. Without it, a host with ``who`` has no API tokens: their operations
            are left out, and tokens of its users are refused. Tokens of agents belong to a workspace, and are accepted.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section.
        limits: The limits of requests and logins. By default, those of the reference server.
        trusted_proxies: The proxies whose ``X-Forwarded-For`` headers are used, unless the server does so itself.
        cors_origins: The origins whose pages may call the API from a browser. Leave it empty if the host adds such headers.
        streams_max: The number of event streams in this process. Default: 10,000.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.
        access_log: Logs each response. By default, none is logged.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    _api: Api | None = None

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve a connection, or run the lifespan of the application."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            api = self._api
            if api is None:
                raise RuntimeError(
                    "the application is not running: enter AsgiApp.running() in the lifespan of the host"
                )
            with closing(AsgiBody(receive)) as body:
                context = self._create_context(scope, body)
                # OSError is what servers raise if the client has disconnected.
                with suppress(OSError):
                    await api.handle(context, _Response(api, context, body, send).send)
        else:
            # Closing a WebSocket before it is accepted rejects it.
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests and streams, and run jobs, while the context is open; then finish what has begun.

        Streams end when the process receives SIGINT or SIGTERM, if the server handles that signal: servers wait for open
        responses before they end the lifespan.

        Raises:
            RuntimeError: The application is running already.
        """
        if self._api is not None:
            raise RuntimeError("the application is running already")
        api = self._api = self._create_api()
        try:
            async with api.running():
                with _calling_on_signals(api.streams.close):
                    yield
                api.state.close()
        finally:
            self._api = None

    async def _run_lifespan(self, receive: AsgiReceive, send: AsgiSend) -> None:
        await receive()
        phase = "startup"
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    def _create_context(self, scope: AsgiScope, body: AsgiBody) -> RequestContext:
        sent = [(name.decode("latin-1").lower(), _decode(text)) for name, text in scope["headers"]]
        headers = dict(sent)
        prefix, path = _split_path(scope)
        client = scope.get("client")
        return RequestContext(
            sent_method=scope["method"],
            prefix=prefix,
            path=path,
            query=encode_target(_decode(scope.get("query_string", b""))),
            headers=headers,
            client=client_address(
                client[0] if client else None,
                [text for name, text in sent if name == "x-forwarded-for"],
                self._trusted_proxies,
            ),
            body=body,
            repeats_authorization=len(headers) < len(sent)
            and sum(name == "authorization" for name, _ in sent) > 1,
            identify=None if self._who is None else partial(call_host, self._who, scope),
            is_active=None if self._who is None else partial(call_host, self._is_active),
        )


class AsgiBody:
    """The body of a request, which arrives in ASGI messages.

    Args:
        receive: Returns the next message.
    """

    __slots__ = ("_disconnecting", "_ended", "_receive")
    is_inflated = False

    def __init__(self, receive: AsgiReceive) -> None:
        self._receive = receive
        self._ended = False
        self._disconnecting: asyncio.Task[None] | None = None

    def read_arrived(self) -> bytes | None:
        """Return None, since only the server knows what has arrived."""
        return None

    async def read(self) -> bytes:
        """Return the next bytes of the body; empty at its end.

        Raises:
            ConnectionResetError: The client has disconnected.
        """
        while not self._ended:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ConnectionResetError("the client has disconnected")
            self._ended = not message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            if chunk:
                return chunk
        return b""

    async def send_continue(self) -> None:
        """Do nothing: the server sends "100 Continue" when the body is read."""

    def is_gone(self) -> bool:
        """Return whether the client has disconnected, as far as is known. The first call starts watching."""
        if self._disconnecting is None:
            self._disconnecting = asyncio.create_task(self.wait_for_disconnect())
        return self._disconnecting.done()

    async def wait_for_disconnect(self) -> None:
        """Return when the client has disconnected."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def close(self) -> None:
        """Stop watching."""
        if self._disconnecting is not None:
            self._disconnecting.cancel()


class _Response:
    """The response to one request."""

    __slots__ = ("_api", "_body", "_context", "_send")

    def __init__(self, api: Api, context: RequestContext, body: AsgiBody, send: AsgiSend) -> None:
        self._api = api
        self._context = context
        self._body = body
        self._send = send

    async def send(self, raw: RawResponse, headers: dict[str, str]) -> None:
        start = self._context.stream_start
        is_head = self._context.sent_method == "HEAD"
        if raw.blocks is None and start is None and raw.status >= 200 and raw.status not in (204, 304):
            headers["content-length"] = str(len(raw.body))
        encoded = [(name.encode("latin-1"), _encode(text)) for name, text in headers.items()]
        await self._send({"type": "http.response.start", "status": raw.status, "headers": encoded})
        if is_head or (raw.blocks is None and start is None):
            await self._write(b"" if is_head else raw.body, more=False)
        elif raw.blocks is not None:
            # A response that does not end makes the server break off the connection.
            if await self._api.files.send(raw.blocks, self._write):
                await self._write(b"", more=False)
        else:
            await self._send_stream()

    async def _write(self, block: bytes, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": block, "more_body": more})

    async def _send_stream(self) -> None:
        """Send events until the stream ends or the client disconnects."""
        assert self._context.stream_start is not None
        connection = _StreamConnection(self._write, self._body.is_gone)
        try:
            await self._api.streams.send(connection, self._context.stream_start)
            is_complete = await connection.flush()
        except asyncio.CancelledError:
            # A server that stops cancels what is open, and would log each stream as an error.
            is_complete = True
        finally:
            connection.abort()
        if is_complete:
            await self._write(b"", more=False)


class _StreamConnection:
    """A connection that a stream is sent on. It has a task only while there is something to send."""

    __slots__ = ("_is_aborted", "_is_gone", "_pending", "_sending", "_task", "_write")

    def __init__(self, write: Callable[[bytes], Awaitable[None]], is_gone: Callable[[], bool]) -> None:
        self._write = write
        self._is_gone = is_gone
        self._pending = bytearray()
        self._sending = 0
        self._task: asyncio.Task[None] | None = None
        self._is_aborted = False

    def write(self, block: bytes) -> None:
        self._pending += block
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_pending())

    def count_unsent(self) -> int:
        return len(self._pending) + self._sending

    def is_gone(self) -> bool:
        return self._is_aborted or self._is_gone()

    def abort(self) -> None:
        self._is_aborted = True
        if self._task is not None:
            self._task.cancel()

    async def flush(self) -> bool:
        """Wait until everything is sent. Return False if the client has disconnected, or does not receive it."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=FLUSH_SECONDS)
            if not self._task.done():
                return False
        return not self.is_gone()

    async def _send_pending(self) -> None:
        while self._pending:
            block, self._pending = bytes(self._pending), bytearray()
            self._sending = len(block)
            try:
                await self._write(block)
            except Exception as error:  # noqa: BLE001 - a middleware may raise errors of its own
                if not isinstance(error, OSError):
                    _log.warning("a stream broke off: %s: %s", type(error).__name__, error)
                self._is_aborted = True
                return
            self._sending = 0


@contextmanager
def _calling_on_signals(function: Callable[[], None]) -> Iterator[None]:
    """Call a function on the event loop when the server is told to stop, before the server's own handler.

    Signals are left alone outside of the main thread, and if the process has no handler for them.
    """
    loop = asyncio.get_running_loop()
    handlers: dict[int, Callable[[int, FrameType | None], object]] = {}

    def handle_signal(number: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(function)
        handlers[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
                signal.signal(number, handle_signal)
    try:
        yield
    finally:
        for handled, handler in handlers.items():
            if signal.getsignal(handled) is handle_signal:
                signal.signal(handled, handler)


async def call_host(function: Callable[[T], R | Awaitable[R]], argument: T) -> R:
    """Return the result of a function of the host.

    Args:
        function: The function. If it is not a coroutine function, it runs in a thread, since it may query a database.
        argument: Its argument.
    """
    is_coroutine = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )
    result = function(argument) if is_coroutine else await asyncio.to_thread(function, argument)
    return await result if isinstance(result, Awaitable) else result


def _split_path(scope: AsgiScope) -> tuple[str, str]:
    """Return the prefix at which the application is mounted, and the path below it; both percent-encoded."""
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else encode_target(_decode(raw).partition("?")[0])
    prefix = quote(scope.get("root_path", "").rstrip("/"))
    # Behind a proxy that removes a part of the path, Starlette keeps that part beside the mounted one.
    for part in (prefix, prefix.removeprefix(quote(scope.get("app_root_path", "").rstrip("/")))):
        if part and path.startswith(f"{part}/"):
            return prefix, path.removeprefix(part)
    return prefix, path


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
