"""The listener: connections of our own making, for what aiohttp would answer or wait for in its own way.

What is no HTTP is answered in the error shape; a client that is silent, in the middle of a header or while an answer
is sent to it, is dropped.
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
from reference_server.exchange import request_id, response
from reference_server.handler import Handler
from stellary.contract.errors import ApiError, Invalid, ServerError, UnsupportedMedia
from stellary.core.db.errors import error_response

HEADER_SECONDS = 10.0
SEND_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75.0
POLL_SECONDS = 0.02
IDLE_SECONDS = 1.0
"""How long a kept connection must have been silent to be closed when the server stops: whoever has used it lately will
use it again, and learns by ``Connection: close`` of that answer that it ends."""
LINGER_SECONDS = 5.0
"""How long the rest of a body that nobody wanted is taken in, so that its sender can read the answer."""


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
        known = len(self._messages)
        super().data_received(data)
        if self._close or self._force_close:
            return
        if len(self._messages) > known and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._break_off()
        in_body = self._body is not None and not self._body.is_eof()
        if data and self._header_timer is None and not self._messages and not in_body:
            # A header has begun.
            self._header_timer = self._loop.call_later(HEADER_SECONDS, self._header_late)

    def request_begins(self, body: StreamReader) -> None:
        """A header is complete, and its request's turn has come."""
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
        """Answer what could not become a request, or what no handler has answered."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun already")
        if status >= 500:
            self.logger.error("a request failed", exc_info=exc)
        id = request_id()
        made = response(error_response(_told(status, exc), id), id)
        made.force_close()
        return made

    def _break_off(self) -> None:
        """Tell whoever reads a body that it has turned out to be no HTTP: aiohttp leaves him waiting."""
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
        """Drop a client that has taken nothing of its answer for a while."""
        assert self.transport is not None
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
            return
        self._send_timer = self._loop.call_later(SEND_SECONDS, self._watch_sending, left)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None


class Connections(web.Server):
    """Makes connections, and tells them when a request begins."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        super().__init__(handler, request_factory=self._begun, **options)

    def _begun(
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


class Listener(web.AppRunner):
    """Runs an application on connections of our own, straight to its handler. The access log is the handler's."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        self._handler = app[HANDLER]
        super().__init__(
            app,
            access_log=None,
            # Bodies are inflated once it is clear whose they are.
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=shutdown_timeout,
        )

    async def stop_listening(self) -> None:
        """Take no new connections. Those that the system has taken already are kept, and answered."""
        loop = asyncio.get_running_loop()
        accepted: list[socket.socket] = []
        with ExitStack() as stack:
            listening = [stack.enter_context(each) for site in self._sites for each in _duplicates(site)]
            for site in list(self._sites):
                await site.stop()
            # What is in the queue of a socket when it is closed would be reset.
            for each in listening:
                with suppress(BlockingIOError):
                    while True:
                        accepted.append(each.accept()[0])
        for connection in accepted:
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._connections, connection)

    async def end_connections(self, patience: float) -> None:
        """Wait until all connections have ended, as they do with their next answer; close those that are idle.

        Args:
            patience: For how many seconds at most.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._connections.connections and loop.time() < until:
            for connection in self._connections.connections:
                if isinstance(connection, Connection) and connection.is_idle(IDLE_SECONDS):
                    connection.force_close()
            await asyncio.sleep(POLL_SECONDS)

    async def _make_server(self) -> web.Server:
        # Starts the application; its own server is not needed.
        await super()._make_server()
        self._connections = Connections(self._handler, **self._kwargs)
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


def _told(status: int, exc: BaseException | None) -> ApiError:
    if status >= 500:
        return ServerError("the server has failed; the request id helps to find out why")
    if isinstance(exc, ContentEncodingError):
        return UnsupportedMedia("Content-Encoding must be gzip or deflate, and the body packed so")
    if isinstance(exc, LineTooLong):
        return Invalid("the request line or a header is too long", code="header_too_long")
    return Invalid("this is no valid HTTP request", code="invalid_http")
