"""The protocol of connections: that of aiohttp, with time limits and error responses of our own.

Invalid HTTP is answered by an error of the API. A client that stalls in the middle of a header, or while it receives a
response, is disconnected.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import socket
import termios
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import ContentEncodingError, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from reference_server.app import HANDLER
from reference_server.body import NOT_INFLATED
from reference_server.handler import Handler
from reference_server.request_context import request_id, response
from stellary.contract.errors import ApiError, Invalid, ServerError, UnsupportedMedia
from stellary.core.db.errors import error_response

HEADER_SECONDS = 10.0
SEND_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75.0
POLL_SECONDS = 0.02
IDLE_SECONDS = 1.0
"""How long a kept-alive connection must have been idle to be closed when the server stops. A client that has used one
recently will probably use it again, and gets ``Connection: close`` with that response."""
LINGER_SECONDS = 5.0
"""How long the rest of an unwanted body is read, so that its sender can read the response."""


class Connection(RequestHandler):
    """One connection."""

    __slots__ = ("_body", "_header_timer", "_heard_at", "_send_timer")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._body: StreamReader | None = None
        self._header_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._heard_at = self._loop.time()
        self._header_timer = self._loop.call_later(HEADER_SECONDS, self._header_late)

    def force_close(self) -> None:
        # A connection that is lost ends here, too.
        self._stop_header_timer()
        self._stop_send_timer()
        super().force_close()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        count_before = len(self._messages)
        super().data_received(data)
        if self._close or self._force_close:
            return
        if len(self._messages) > count_before and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._break_off()
        in_body = self._body is not None and not self._body.is_eof()
        if data and self._header_timer is None and not self._messages and not in_body:
            # A header has begun.
            self._header_timer = self._loop.call_later(HEADER_SECONDS, self._header_late)

    def request_begins(self, body: StreamReader) -> None:
        """Note that a header is complete, and its request is being handled."""
        self._body = body
        self._stop_header_timer()

    def is_idle(self, seconds: float) -> bool:
        """Return whether no request is being answered, and none has been for so many seconds."""
        if self._waiter is None or self._waiter.done() or self.transport is None:
            return False
        answered_at = self._next_keepalive_close_time - self._keepalive_timeout
        if max(self._heard_at, answered_at) > self._loop.time() - seconds:
            return False
        return not _has_unread(self.transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_sending(None)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_send_timer()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed, or whose handler has failed."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun already")
        if status >= 500:
            self.logger.error("a request failed", exc_info=exc)
        id = request_id()
        error_answer = response(error_response(_to_api_error(status, exc), id), id)
        error_answer.force_close()
        return error_answer

    def _break_off(self) -> None:
        """Fail the reading of a body that turned out to be invalid HTTP; aiohttp would let the reader wait."""
        if len(self._messages) > 1:
            payload = self._messages[-2][1]
        elif self._current_request is not None:
            payload = self._current_request.content
        else:
            return
        if not payload.is_eof():
            payload.set_exception(web.RequestPayloadError("no HTTP"))

    def _header_late(self) -> None:
        self._header_timer = None
        if self._waiter is not None and not self._waiter.done():
            self.force_close()
        else:
            # The request before is still being answered.
            self._header_timer = self._loop.call_later(HEADER_SECONDS, self._header_late)

    def _watch_sending(self, before: int | None) -> None:
        """Disconnect a client that has not received any of its response for a while."""
        assert self.transport is not None
        unsent = self.transport.get_write_buffer_size()
        if before is not None and unsent >= before:
            self.transport.abort()
            return
        self._send_timer = self._loop.call_later(SEND_SECONDS, self._watch_sending, unsent)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None


class ProtocolFactory(web.Server):
    """A protocol factory that notifies a connection when a request begins."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        super().__init__(handler, request_factory=self._make_request, **options)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        assert isinstance(protocol, Connection)
        protocol.request_begins(payload)
        state: dict[web.RequestKey[Any] | str, Any] = {NOT_INFLATED: True}
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, state=state)

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class ServerRunner(web.AppRunner):
    """A runner that serves an application's handler on our own connections. The handler writes the access log."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        self._handler = app[HANDLER]
        super().__init__(
            app,
            access_log=None,
            # Bodies are inflated only after the caller is known.
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=shutdown_timeout,
        )

    async def stop_listening(self) -> None:
        """Accept no new connections. Connections that the system has already accepted are kept and served."""
        loop = asyncio.get_running_loop()
        accepted: list[socket.socket] = []
        with ExitStack() as stack:
            listening = [stack.enter_context(copy) for site in self._sites for copy in _duplicates(site)]
            for site in list(self._sites):
                await site.stop()
            # Closing a socket resets the connections in its queue.
            for listening_socket in listening:
                with suppress(BlockingIOError):
                    while True:
                        accepted.append(listening_socket.accept()[0])
        for connection in accepted:
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._connections, connection)

    async def end_connections(self, patience: float) -> None:
        """Wait until all connections have closed with their next response; close idle ones.

        Args:
            patience: The longest wait, in seconds.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._connections.connections and loop.time() < until:
            for connection in self._connections.connections:
                if isinstance(connection, Connection) and connection.is_idle(IDLE_SECONDS):
                    connection.force_close()
            await asyncio.sleep(POLL_SECONDS)

    async def _make_server(self) -> web.Server:
        # This starts the application; the server that it creates is not used.
        await super()._make_server()
        self._connections = ProtocolFactory(self._handler, **self._kwargs)
        return self._connections


def _duplicates(site: web.BaseSite) -> Iterator[socket.socket]:
    """Yield second handles of the sockets that a site listens on, which stay open when the site closes its own."""
    for listening in site._server.sockets:  # type: ignore[union-attr] # noqa: SLF001
        duplicate = socket.socket(fileno=os.dup(listening.fileno()))
        duplicate.setblocking(False)
        yield duplicate


def _has_unread(transport: asyncio.BaseTransport) -> bool:
    """Return whether something has arrived that the event loop has not read yet."""
    unread = array.array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, unread)
    return bool(unread[0])


def _to_api_error(status: int, exc: BaseException | None) -> ApiError:
    if status >= 500:
        return ServerError("the server has failed; the request id helps to find out why")
    if isinstance(exc, ContentEncodingError):
        return UnsupportedMedia("Content-Encoding must be gzip or deflate, and the body packed so")
    if isinstance(exc, LineTooLong):
        return Invalid("the request line or a header is too long", code="header_too_long")
    return Invalid("this is no valid HTTP request", code="invalid_http")
