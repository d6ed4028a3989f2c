"""The protocol of connections: aiohttp's protocol with additional time limits and the API's error responses.

Invalid HTTP gets an error response of the API. A client that stalls while it sends a header or receives a response is
disconnected.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import logging
import socket
import termios
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import ContentEncodingError, LineTooLong

from reference_server.aiohttp_internals import ARE_KNOWN
from reference_server.app import HANDLER
from reference_server.detached import DetachableConnection, DiscardingProtocol, SendWatch
from reference_server.handler import NOT_INFLATED, build_response
from reference_server.sockets import BACKLOG
from stellary.contract.errors import ApiError, Invalid, ServerError, UnsupportedMedia
from stellary.core.db.errors import error_response
from stellary.core.http.context import build_headers, make_request_id

_log = logging.getLogger("stellary.server")
HEADER_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75.0
POLL_SECONDS = 0.02
IDLE_SECONDS = 1.0
"""The seconds after which a kept-alive connection counts as idle, and is closed when the server stops. A client that used
its connection more recently will probably use it again, and gets ``Connection: close`` with that response."""
LINGER_SECONDS = 5.0
"""How long the rest of an unwanted body is read, so that its sender can read the response."""
KEPT_BODY_MAX = 64 << 10
"""The size up to which an unwanted body is read to keep its connection. Connections with larger ones are closed."""


class Connection(DetachableConnection):
    """One connection.

    Args:
        server: The server that it belongs to.
        loop: The event loop.
        detached_protocols: The protocols to which the server's connections were handed over.
    """

    __slots__ = (
        "_body",
        "_event_loop",
        "_header_timer",
        "_is_answered",
        "_is_closing",
        "_received_at",
        "_send_watch",
    )

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        detached_protocols: set[asyncio.BaseProtocol],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # documented: None disables it; the handler writes the log
            # Bodies are inflated by the server, after the caller is known.
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
        self._event_loop = loop
        self.detached_protocols = detached_protocols
        self._is_closing = False
        self._body: StreamReader | None = None
        self._is_answered = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._send_watch: SendWatch | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._received_at = self._event_loop.time()
        self._start_header_timer()

    def close(self) -> None:
        self._is_closing = True
        super().close()

    def force_close(self) -> None:
        # A lost connection ends here too.
        self._is_closing = True
        self._stop_header_timer()
        self._stop_send_watch()
        self._end_unwanted_body()
        super().force_close()

    def data_received(self, data: bytes) -> None:
        self._received_at = self._event_loop.time()
        count_before = self.queued_count
        super().data_received(data)
        if self._is_closing:
            return
        if self.queued_count > count_before and self.is_last_queued_invalid:
            self._fail_body()
        in_body = self._body is not None and not self._body.is_eof()
        if data and self._header_timer is None and not self.queued_count and not in_body:
            # A header has begun.
            self._start_header_timer()

    def begin_request(self, body: StreamReader) -> None:
        """Record that a header is complete and its request is being handled."""
        self._body = body
        self._is_answered = False
        self._stop_header_timer()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response. What is read of the body afterwards is unwanted."""
        is_body_too_long = self._is_body_incomplete() and not resp.prepared and _is_long(request)
        if is_body_too_long:
            resp.force_close()
        try:
            outcome = await super().finish_response(request, resp, start_time)
        finally:
            self._is_answered = True
        if is_body_too_long and self._is_body_incomplete():
            self._discard_body()
        return outcome

    def is_idle(self, seconds: float) -> bool:
        """Return whether no request is in progress, and the last response was sent at least ``seconds`` ago."""
        if not self.is_waiting or self.transport is None:
            return False
        if max(self._received_at, self.answered_at) > self._event_loop.time() - seconds:
            return False
        return not _has_unread(self.transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        assert self.transport is not None
        self._send_watch = SendWatch(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_send_watch()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed, or whose handler has failed."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun already")
        if status >= 500:
            self.logger.error("a request failed", exc_info=exc)
        id = make_request_id()
        raw = error_response(_to_api_error(status, exc), id)
        error_answer = build_response(raw, build_headers(raw, id))
        error_answer.force_close()
        return error_answer

    def _is_body_incomplete(self) -> bool:
        """Return whether the rest of the body may still arrive."""
        return self._body is not None and not self._body.is_eof() and self._body.exception() is None

    @property
    def is_answered(self) -> bool:
        return self._body is None or self._is_answered

    def _discard_body(self) -> None:
        """Discard the rest of the body, without parsing it, and close the connection after that."""
        transport = self.transport
        task = self.handler_task
        if task is not None and transport is not None and not transport.is_closing():
            discarding = DiscardingProtocol(transport, LINGER_SECONDS, self.detached_protocols)
            self.detach(discarding)
            # The client learns that there is no further response, once nothing of aiohttp is left.
            task.add_done_callback(lambda _: discarding.end_response())

    def _fail_body(self) -> None:
        """Let the reader of a body fail if the body is invalid HTTP, since aiohttp would let the reader wait."""
        body = self.body_before_last_queued
        if body is not None and not body.is_eof():
            body.set_exception(web.RequestPayloadError("invalid HTTP"))

    def _end_unwanted_body(self) -> None:
        """End the body of an answered request, so that aiohttp does not wait for the rest of it."""
        if self._is_answered and self._body is not None and not self._body.is_eof():
            self._body.feed_eof()

    def _start_header_timer(self) -> None:
        self._header_timer = self._event_loop.call_later(HEADER_SECONDS, self._end_late_header)

    def _end_late_header(self) -> None:
        self._header_timer = None
        if self.is_waiting:
            self.force_close()
        else:
            # The previous request is still being answered.
            self._start_header_timer()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_send_watch(self) -> None:
        if self._send_watch is not None:
            self._send_watch.stop()
            self._send_watch = None


class HttpServer:
    """A server for an application, with the connections of this module.

    Args:
        app: The application, of which only the handler is used.
        shutdown_timeout: The longest wait for unfinished responses, in seconds.

    Attributes:
        detached_protocols: The protocols to which open connections were handed over.
    """

    def __init__(self, app: web.Application, shutdown_timeout: float) -> None:
        self._app = app
        self._shutdown_timeout = shutdown_timeout
        self._loop = asyncio.get_running_loop()
        if not ARE_KNOWN:
            _log.warning(
                "this release does not know the internals of aiohttp %s: it stops less promptly",
                aiohttp.__version__,
            )
        self._server = web.Server(app[HANDLER], request_factory=self._make_request)
        self._listening: tuple[asyncio.Server, socket.socket] | None = None
        self.detached_protocols: set[asyncio.BaseProtocol] = set()

    @property
    def connections(self) -> list[web.RequestHandler]:
        """The open connections on which requests are handled."""
        return self._server.connections

    async def start(self, listening: socket.socket) -> None:
        """Start the application, and accept connections.

        Args:
            listening: A socket that is bound, but does not listen yet.
        """
        self._app.freeze()
        await self._app.startup()
        acceptor = await self._loop.create_server(self._make_connection, sock=listening, backlog=BACKLOG)
        self._listening = acceptor, listening

    async def stop_listening(self) -> None:
        """Accept no new connections. Connections that the system has already accepted are kept and served."""
        if self._listening is None:
            return
        acceptor, listening = self._listening
        self._listening = None
        accepted: list[socket.socket] = []
        # Closing the last handle of a socket resets the connections in its queue.
        with listening.dup() as duplicate:
            acceptor.close()
            duplicate.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    accepted.append(duplicate.accept()[0])
        for connection in accepted:
            connection.setblocking(False)
            await self._loop.connect_accepted_socket(self._make_connection, connection)

    async def end_connections(self, patience: float) -> None:
        """Wait until all connections have closed with their next response; close idle ones.

        Args:
            patience: The longest wait, in seconds.
        """
        until = self._loop.time() + patience
        while (self.connections or self.detached_protocols) and self._loop.time() < until:
            for connection in self.connections:
                if isinstance(connection, Connection) and connection.is_idle(IDLE_SECONDS):
                    connection.force_close()
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Stop listening, close all connections, and clean up the application."""
        await self.stop_listening()
        # Begin the requests that have already arrived, so that they are answered.
        await asyncio.sleep(0)
        self._server.pre_shutdown()
        await self._app.shutdown()
        await self._server.shutdown(self._shutdown_timeout)
        await self._app.cleanup()

    def _make_connection(self) -> Connection:
        return Connection(self._server, self._loop, self.detached_protocols)

    def _make_request(
        self,
        message: RawRequestMessage,
        body: StreamReader,
        connection: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        assert isinstance(connection, Connection)
        connection.begin_request(body)
        state: dict[web.RequestKey[Any] | str, Any] = {NOT_INFLATED: True}
        return web.BaseRequest(message, body, connection, writer, task, self._loop, state=state)


def _is_long(request: web.BaseRequest) -> bool:
    """Return whether the body of a request is too long, or may be, to read it only to keep the connection."""
    return request.content_length is None or request.content_length > KEPT_BODY_MAX


def _has_unread(transport: asyncio.BaseTransport) -> bool:
    """Return whether data has arrived that the event loop has not read yet."""
    unread = array.array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, unread)
    return bool(unread[0])


def _to_api_error(status: int, exc: BaseException | None) -> ApiError:
    if status >= 500:
        return ServerError("the server has failed; the request id helps to find out why")
    if isinstance(exc, ContentEncodingError):
        return UnsupportedMedia("Content-Encoding must be gzip or deflate, and the body encoded accordingly")
    if isinstance(exc, LineTooLong):
        return Invalid("the request line or a header is too long", code="header_too_long")
    return Invalid("this is not a valid HTTP request", code="invalid_http")
