"""The handler of all requests: from aiohttp to the API and back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from reference_server.detached import DetachableConnection, StreamProtocol, TransportConnection
from reference_server.proxied_users import ProxiedUsers
from stellary.contract.endpoint import EVENT_STREAM
from stellary.contract.port import RawResponse
from stellary.core.http.addresses import client_address, is_within
from stellary.core.http.api import Api
from stellary.core.http.body import incomplete_body
from stellary.core.http.context import RequestContext, encode_target, remove_prefix
from stellary.core.http.streams import StreamStart
from stellary.core.kernel.environment import Environment

NOT_INFLATED = web.RequestKey("NOT_INFLATED", bool)
"""Marks a request whose connection does not inflate its content; a host's connections do."""


class Handler:
    """The handler of an application's requests.

    Args:
        api: The API that answers them.
        env: The environment of its core, whose URL tells whether people use HTTPS.
        proxied_users: The users that a proxy has signed in; None if only tokens are accepted.

    Attributes:
        api: The API.
        prefix: The prefix of paths, if the application is part of a host's; empty otherwise.
    """

    def __init__(self, api: Api, env: Environment, proxied_users: ProxiedUsers | None = None) -> None:
        self.api = api
        self._env = env
        self._proxied_users = proxied_users
        self.prefix = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request. Raises only ConnectionError and CancelledError."""
        context = self._create_context(request)
        return await self.api.handle(context, partial(self._send, request, context))

    def _create_context(self, request: web.BaseRequest) -> RequestContext:
        headers = {name.lower(): text for name, text in request.headers.items()}
        path = encode_target(request.rel_url.raw_path)
        proxies = self.api.trusted_proxies
        sent = request.headers
        identify = None
        if self._proxied_users is not None:
            addresses = sent.getall(self._proxied_users.header, ())
            identify = partial(self._proxied_users.identify, request.remote, headers, addresses)
        return RequestContext(
            sent_method=request.method,
            prefix=self.prefix,
            path=remove_prefix(path, self.prefix) if self.prefix else path,
            query=encode_target(request.rel_url.raw_query_string),
            headers=headers,
            client=client_address(
                request.remote, sent.getall("X-Forwarded-For", ()) if proxies else (), proxies
            ),
            body=AiohttpBody(request),
            # Only requests that repeat a header are searched, which are few.
            repeats_authorization=len(headers) < len(sent) and len(sent.getall("Authorization", ())) > 1,
            is_secure=self._env.public_url.startswith("https:")
            or (headers.get("x-forwarded-proto") == "https" and is_within(request.remote, proxies)),
            identify=identify,
        )

    async def _send(
        self, request: web.BaseRequest, context: RequestContext, raw: RawResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        # Browsers obey it over HTTPS only. It would also hold for the other programs of a developer's machine.
        host = context.headers.get("host", "")
        if context.is_secure and not self.prefix and not host.startswith("localhost"):
            headers["strict-transport-security"] = "max-age=31536000"
        response = build_response(raw, headers)
        connection = request.protocol
        # A stream is the last response on a connection of our own server.
        is_last = context.stream_start is not None and isinstance(connection, DetachableConnection)
        if is_last or self.api.state.closed or raw.status in (408, 417):
            response.force_close()
        if raw.blocks is None and context.stream_start is None:
            return response
        await response.prepare(request)
        transport = request.transport
        if request.method == "HEAD" or transport is None:
            return response
        if raw.blocks is not None:
            if not await self.api.files.send(raw.blocks, response.write):
                transport.abort()
        elif context.stream_start is not None:
            is_chunked = request.version >= HttpVersion11
            if isinstance(connection, DetachableConnection):
                stream = StreamProtocol(transport, is_chunked, connection.detached_protocols)
                connection.detach(stream)
                self._follow(stream, context, context.stream_start)
            else:
                await self.api.streams.send(TransportConnection(transport, is_chunked), context.stream_start)
                if not transport.is_closing():
                    with suppress(ConnectionError):
                        await response.write_eof()
        return response

    def _follow(self, stream: StreamProtocol, context: RequestContext, start: StreamStart) -> None:
        """Send a stream on a connection that was handed over. It continues after the request's task has ended."""
        api = self.api

        def end() -> None:
            stream.finish()
            api.finish(context)

        context.continue_stream(200)
        stream.on_lost = api.streams.follow(stream, start, end).end


class AiohttpBody:
    """The body of a request of aiohttp.

    Args:
        request: The request, whose content has not been read.
    """

    __slots__ = ("_request",)

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request

    @property
    def is_inflated(self) -> bool:
        """True if the server removes the content encoding."""
        return NOT_INFLATED not in self._request

    def read_arrived(self) -> bytes | None:
        """Return the remaining body if it has arrived completely, or else None."""
        content = self._request.content
        if content.is_eof() and content.exception() is None:
            return content.read_nowait(-1)
        return None

    async def read(self) -> bytes:
        """Return the next bytes of the body; empty at its end.

        Raises:
            Invalid: The body is incomplete or damaged.
        """
        try:
            return await self._request.content.readany()
        except (web.RequestPayloadError, HttpProcessingError):
            raise incomplete_body() from None

    async def send_continue(self) -> None:
        """Send "100 Continue"."""
        await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # These bytes are not part of the response.
        self._request.writer.output_size = 0

    def is_gone(self) -> bool:
        """Return whether the client has disconnected."""
        return self._request.transport is None


def build_response(raw: RawResponse, headers: Mapping[str, str]) -> web.Response | web.StreamResponse:
    """Return a response of aiohttp. A file or a stream is not sent yet.

    Args:
        raw: The response.
        headers: All headers of the response, except the name of the server.
    """
    sent: CIMultiDict[str] = CIMultiDict(headers, server="stellary")
    for cookie in raw.cookies:
        sent.add("set-cookie", cookie)
    if raw.blocks is not None or raw.headers.get("content-type") == EVENT_STREAM:
        return web.StreamResponse(status=raw.status, headers=sent)
    body: Any = raw.body or None
    return web.Response(status=raw.status, headers=sent, body=body)
