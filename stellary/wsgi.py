"""The API as a WSGI application: for gunicorn, or mounted in Flask or Django.

Requests are answered on an event loop in a thread of its own, the same in every host. The thread of the request reads the
body, asks the host for the actor, and sends the response.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol
from urllib.parse import quote

import attrs

from stellary.contract.errors import PHRASES
from stellary.contract.port import RawResponse
from stellary.core.http.addresses import client_address
from stellary.core.http.api import Api
from stellary.core.http.body import incomplete_body
from stellary.core.http.context import RequestContext, encode_target
from stellary.core.http.hosted_api import HostedApi
from stellary.core.kernel.unit import Actor

Environ = dict[str, Any]
Who = Callable[[Environ], Actor | None]
"""Returns the actor that the host's application has logged in, or None. It runs in the thread of the request."""
IsActive = Callable[[str], bool]
"""Returns whether the user with an external id may still use the API. It runs in the thread of the request."""

STREAMS_MAX = 20
CHUNK = 64 << 10
_STOPPING_SECONDS = 30.0
_REQUESTS_SECONDS = 10.0
_POLL_SECONDS = 0.02


class StartResponse(Protocol):
    """The function with which a WSGI application starts its response."""

    def __call__(self, status: str, headers: list[tuple[str, str]], /) -> object: ...


class WsgiApp(HostedApi[Who, IsActive]):
    """The API of a core as a WSGI application.

    The first request in a process starts its threads, so that the application may be created before a fork. With gevent,
    it must be imported after ``gevent.monkey.patch_all()``.

    Args:
        core: A migrated core, which the caller closes after this application.
        who: Returns the actor for the environment of a request, from the session of the host's application. If it
            returns None, the bearer token of the request decides, as it does without this argument.
        is_active: Returns whether the user of the host with an external id may still use the API. It is called for each
            request with a bearer token of such a user. Without it, a host with ``who`` has no API tokens: their operations
            are left out, and tokens of its users are refused. Tokens of agents belong to a workspace, and are accepted.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section.
        limits: The limits of requests and logins. By default, those of the reference server.
        trusted_proxies: The proxies whose ``X-Forwarded-For`` headers are used, unless the host does so itself.
        cors_origins: The origins whose pages may call the API from a browser. Leave it empty if the host adds such headers.
        streams_max: The number of event streams in this process. Each occupies a thread of the server. Default: 20.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True.
        access_log: Logs each response. By default, none is logged.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    _streams_max = STREAMS_MAX
    _thread: _ApiThread | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        thread = self._start_once()
        exchange = _Exchange(environ, self._who, self._is_active)
        exchange.begin(thread, self._create_context(environ, exchange))
        return exchange.respond(start_response)

    def close(self) -> None:
        """End streams, finish what has begun, and stop the threads. The next request starts them again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.pid == os.getpid():
            thread.stop()

    def _start_once(self) -> _ApiThread:
        thread = self._thread
        if thread is None or thread.pid != os.getpid():
            with self._lock:
                thread = self._thread
                if thread is None or thread.pid != os.getpid():
                    if queue.SimpleQueue is not SimpleQueue:
                        # gevent has replaced it, and the locks that exist already would block all greenlets.
                        raise RuntimeError(
                            "gevent patched this process after stellary was imported: call gevent.monkey.patch_all() "
                            "first, in the configuration file of gunicorn if the application is preloaded"
                        )
                    thread = self._thread = _ApiThread(self._create_api)
        return thread

    def _create_context(self, environ: Environ, exchange: _Exchange) -> RequestContext:
        prefix, path = _split_path(environ)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        return RequestContext(
            sent_method=environ["REQUEST_METHOD"],
            prefix=prefix,
            path=path,
            query=encode_target(_decode(environ.get("QUERY_STRING", ""))),
            headers=_read_headers(environ),
            client=client_address(
                environ.get("REMOTE_ADDR"), () if forwarded is None else (forwarded,), self._trusted_proxies
            ),
            body=exchange,
            # Servers join repeated headers, which makes them invalid, so that none is repeated.
            identify=None if self._who is None else exchange.identify,
            is_active=None if self._who is None else exchange.is_active,
        )


class _ApiThread:
    """The thread with the event loop on which the API runs.

    Attributes:
        pid: The id of the process that the thread belongs to.
        api: The API.
        loop: The event loop.
    """

    def __init__(self, create_api: Callable[[], Api]) -> None:
        self.pid = os.getpid()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(create_api)), name="stellary-api", daemon=True
        )
        self._thread.start()
        self._ready.result()

    async def _serve(self, create_api: Callable[[], Api]) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            self.api = create_api()
            async with self.api.running():
                self._ready.set_result(None)
                await self._stopping.wait()
                self.api.state.close()
                await self._wait_for_requests()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _wait_for_requests(self) -> None:
        """Wait until all requests are answered, for at most ``_REQUESTS_SECONDS``; streams have been ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_REQUESTS_SECONDS):
                while self.api.state.in_flight:  # noqa: ASYNC110 - the count has no event
                    await asyncio.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the API, and wait until it has ended."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_STOPPING_SECONDS)


@attrs.frozen
class _Call:
    """A function to call in the thread of the request, and the future of its result on the event loop."""

    function: Callable[[], Any]
    future: asyncio.Future[Any]


@attrs.frozen
class _Start:
    """The start of a response."""

    status: int
    headers: Mapping[str, str]


@attrs.frozen
class _Block:
    """A part of a response, and the function to call once it is sent."""

    data: bytes
    on_sent: Callable[[], object]


@attrs.frozen
class _End:
    """The end of a response. It is incomplete if there is an error."""

    error: BaseException | None


class _Exchange:
    """One request between its own thread and the event loop: the body, the actor, the response.

    The event loop sends what the other thread has to do through a queue.
    """

    is_inflated = False

    def __init__(self, environ: Environ, who: Who | None, is_active: IsActive) -> None:
        self._environ = environ
        self._who = who
        self._is_active = is_active
        self._steps: SimpleQueue[_Call | _Start | _Block | _End] = SimpleQueue()
        length = environ.get("CONTENT_LENGTH") or ""
        self._remaining = int(length) if length.isdecimal() else None
        self._is_gone = False
        self._unsent = 0
        self._taken: asyncio.Future[None] | None = None

    def begin(self, thread: _ApiThread, context: RequestContext) -> None:
        """Start answering the request on the event loop."""
        self._thread, self._context = thread, context
        answering = asyncio.run_coroutine_threadsafe(thread.api.handle(context, self._send), thread.loop)
        answering.add_done_callback(self._end)

    def _end(self, answering: Future[None]) -> None:
        self._steps.put(_End(None if answering.cancelled() else answering.exception()))

    # ------------------------------------------------------------------------------------- the thread of the request

    def respond(self, start_response: StartResponse) -> Iterable[bytes]:
        """Do what the event loop asks for until the response starts, and return its body."""
        step = self._next_step()
        if not isinstance(step, _Start):
            error = step.error if isinstance(step, _End) else None
            raise error or RuntimeError("the response has not started")
        headers = [
            (name, text.encode("utf-8", "surrogateescape").decode("latin-1"))
            for name, text in step.headers.items()
        ]
        start_response(f"{step.status} {PHRASES.get(step.status, 'Unknown')}", headers)
        return _Body(self._read_blocks(), self.disconnect)

    def disconnect(self) -> None:
        """Note that the client has disconnected, or has the whole response."""
        with suppress(RuntimeError):
            self._thread.loop.call_soon_threadsafe(self._note_disconnect)

    def _next_step(self) -> _Start | _Block | _End:
        while isinstance(step := self._steps.get(), _Call):
            future, loop = step.future, self._thread.loop
            try:
                result = step.function()
            except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
                loop.call_soon_threadsafe(_settle, future, None, error)
            else:
                loop.call_soon_threadsafe(_settle, future, result, None)
        return step

    def _read_blocks(self) -> Iterator[bytes]:
        while isinstance(step := self._next_step(), _Block):
            yield step.data
            with suppress(RuntimeError):
                self._thread.loop.call_soon_threadsafe(step.on_sent)
        if isinstance(step, _End) and step.error is not None:
            raise step.error

    def _read_input(self) -> bytes:
        """Return the next bytes of the body, in the thread of the request."""
        if self._remaining is None:
            # Without a length, only some servers mark the end of the body.
            return (
                self._environ["wsgi.input"].read(CHUNK) if self._environ.get("wsgi.input_terminated") else b""
            )
        if not self._remaining:
            return b""
        data: bytes = self._environ["wsgi.input"].read(min(CHUNK, self._remaining))
        if not data:
            raise incomplete_body()
        self._remaining -= len(data)
        return data

    # ------------------------------------------------------------------------------------------ the event loop

    def read_arrived(self) -> bytes | None:
        """Return an empty body if there is none; only the server knows what has arrived."""
        return b"" if self._remaining == 0 else None

    async def read(self) -> bytes:
        """Return the next bytes of the body; empty at its end."""
        data: bytes = await self._call(self._read_input)
        return data

    async def send_continue(self) -> None:
        """Do nothing: the server sends "100 Continue" when the body is read."""

    async def identify(self) -> Actor | None:
        """Return the actor that the host's application has logged in."""
        assert self._who is not None
        actor: Actor | None = await self._call(partial(self._who, self._environ))
        return actor

    async def is_active(self, external_id: str) -> bool:
        """Return whether a user of the host may still use the API."""
        active: bool = await self._call(partial(self._is_active, external_id))
        return active

    async def _call(self, function: Callable[[], Any]) -> Any:
        future = self._thread.loop.create_future()
        self._steps.put(_Call(function, future))
        return await future

    async def _send(self, raw: RawResponse, headers: dict[str, str]) -> None:
        start = self._context.stream_start
        has_body = raw.status >= 200 and raw.status not in (204, 304)
        if raw.blocks is None and start is None and has_body:
            headers["content-length"] = str(len(raw.body))
        self._steps.put(_Start(raw.status, headers))
        if self._environ["REQUEST_METHOD"] == "HEAD":
            return
        if raw.blocks is not None:
            if not await self._thread.api.files.send(raw.blocks, self._send_block):
                raise ConnectionAbortedError("the download broke off")
        elif start is not None:
            await self._thread.api.streams.send(self, start)
        elif raw.body:
            self._steps.put(_Block(raw.body, lambda: None))

    async def _send_block(self, block: bytes) -> None:
        """Send a block, and wait until the server has taken it."""
        if self._is_gone:
            raise ConnectionResetError("the client has disconnected")
        self._taken = self._thread.loop.create_future()
        self._steps.put(_Block(block, partial(_settle, self._taken, None, None)))
        await self._taken

    def write(self, block: bytes) -> None:
        """Send a block of a stream soon, without waiting."""
        self._unsent += len(block)
        self._steps.put(_Block(block, partial(self._note_sent, len(block))))

    def count_unsent(self) -> int:
        """Return the number of bytes that have not been sent yet."""
        return self._unsent

    def _note_disconnect(self) -> None:
        self._is_gone = True
        if self._taken is not None:
            _settle(self._taken, None, ConnectionResetError("the client has disconnected"))

    def _note_sent(self, size: int) -> None:
        self._unsent -= size

    def is_gone(self) -> bool:
        """Return whether the client has disconnected."""
        return self._is_gone

    def abort(self) -> None:
        """Disconnect the client, as far as the server allows."""
        self._is_gone = True


class _Body:
    """The body of a response, which servers close."""

    def __init__(self, blocks: Iterator[bytes], on_close: Callable[[], None]) -> None:
        self._blocks = blocks
        self._on_close = on_close

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        self._on_close()


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _split_path(environ: Environ) -> tuple[str, str]:
    """Return the prefix at which the application is mounted, and the path below it; both percent-encoded."""
    prefix = quote(environ.get("SCRIPT_NAME", "").rstrip("/").encode("latin-1"))
    # PATH_INFO is decoded, so that an encoded slash cannot be told from others.
    raw = encode_target(_decode(environ.get("REQUEST_URI") or environ.get("RAW_URI") or "")).partition("?")[0]
    if raw.startswith(f"{prefix}/"):
        return prefix, raw.removeprefix(prefix)
    return prefix, quote(environ.get("PATH_INFO", "").encode("latin-1"))


def _read_headers(environ: Environ) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): _decode(text)
        for name, text in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def _decode(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
