"""HTTP by httpx for blocking callers. Every exception of httpx is converted to one of the SDK's errors."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import httpx

from stellary.client.calling.carriers import OpenStream
from stellary.client.errors import ConnectionFailed, TimedOut, check_type
from stellary.contract.errors import StellaryError
from stellary.contract.port import RawRequest, RawResponse

CONNECT = 5.0
"""The time limit for connecting, in seconds."""
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0)
_URLS_MAX = 512
_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""The default time-out of an httpx client."""
_OUR_TIMEOUT = {"connect": CONNECT, "read": None, "write": None, "pool": CONNECT}

HttpClient = httpx.Client
AsyncHttpClient = httpx.AsyncClient
H = TypeVar("H", bound=httpx.Client | httpx.AsyncClient)


class RequestBuilder:
    """A builder of httpx requests.

    Args:
        url: The base URL, prepended to each path.
        client: The caller's own client, whose headers, parameters, cookies and time-outs are merged in. Without one, requests
            are built here, because ``client.build_request`` costs more than all other Python code of a call.
        kind: The class that the caller's own client must have.

    Raises:
        TypeError: The client has another class, such as the async one for a blocking client.
    """

    def __init__(self, url: str, client: httpx.Client | httpx.AsyncClient | None, kind: type) -> None:
        if client is not None:
            check_type("http_client", client, kind)
        self._base = url
        self._client = client
        self._urls: dict[str, httpx.URL] = {}

    @property
    def wait(self) -> float | None:
        """The read timeout of the caller's own client, in seconds: infinity for no timeout, None for httpx's default."""
        if self._client is None or self._client.timeout == _HTTPX_TIMEOUT:
            return None
        read = self._client.timeout.read
        return math.inf if read is None else read

    def build(
        self,
        request: RawRequest,
        seconds: float,
        body: Iterable[bytes] | AsyncIterator[bytes] | None = None,
        *,
        is_stream: bool = False,
    ) -> httpx.Request:
        """Return a request that waits at most ``seconds`` for each step: connecting, sending, reading.

        Args:
            request: The request.
            seconds: The longest wait for each step, in seconds.
            body: Used if the request has no body of its own.
            is_stream: Whether the time between two bytes may be longer than the limit of the caller's own client.
        """
        target = f"{request.path}?{request.query}" if request.query else request.path
        content = request.body or body
        if self._client is None:
            connect = min(CONNECT, seconds)
            timeout = {"connect": connect, "read": seconds, "write": seconds, "pool": connect}
            headers = {"accept-encoding": "gzip, deflate", **request.headers}
            return httpx.Request(
                request.method,
                self._parse_url(target),
                headers=headers,
                content=content,
                extensions={"timeout": timeout},
            )
        # Merge it with the settings of the caller's own client; the headers of the request win.
        client, headers = self._client, dict(request.headers)
        user_agent = client.headers.get("user-agent", "")
        if not user_agent.startswith("python-httpx/") and headers.get("user-agent", "").startswith(
            "stellary-python/"
        ):
            del headers["user-agent"]
        limits = _OUR_TIMEOUT if client.timeout == _HTTPX_TIMEOUT else client.timeout.as_dict()
        waits = {name: min(seconds, math.inf if limit is None else limit) for name, limit in limits.items()}
        if is_stream:
            waits["read"] = seconds
        return client.build_request(
            request.method,
            self._base + target,
            # httpx replaces the query with the client's parameters, unless our query is passed as parameters too.
            params=request.query if client.params else None,
            headers=headers,
            content=content,
            timeout=httpx.Timeout(
                **{name: None if wait == math.inf else wait for name, wait in waits.items()}
            ),
        )

    def _parse_url(self, target: str) -> httpx.URL:
        url = self._urls.get(target)
        if url is None:
            url = httpx.URL(self._base + target)
            # Parsing a URL is a quarter of a request's cost, and polling requests the same URLs repeatedly.
            if len(self._urls) < _URLS_MAX:
                self._urls[target] = url
        return url


def get_auth(request: RawRequest) -> Any:
    """Return the ``auth`` argument: None if the request has a token, else the default of the httpx client."""
    return None if "authorization" in request.headers else httpx.USE_CLIENT_DEFAULT


class Connections(Generic[H]):
    """The connections of a carrier: httpx clients that have one connection each.

    A single client for all of them would look through its connections several times per request. And httpx closes idle
    connections while more than ``max_keepalive_connections`` are open, idle or not, so that many concurrent calls would
    make a new connection each.

    Args:
        kind: ``httpx.Client`` or ``httpx.AsyncClient``.
        secure: Whether the URL is ``https``.
    """

    def __init__(self, kind: Callable[..., H], secure: bool) -> None:
        self._kind = kind
        # One context for all: loading the certificates that https needs takes 10 ms.
        self._verify = httpx.create_ssl_context(verify=secure)
        self._idle: list[H] = []
        self.open: set[H] = set()

    def take(self) -> H:
        """Return the connection that was used last, or a new one."""
        if self._idle:
            return self._idle.pop()
        client = self._kind(verify=self._verify, limits=_LIMITS)
        # ``RequestBuilder`` sends no cookies, and looking for them in each response takes a tenth of a call.
        client.cookies.extract_cookies = lambda response: None  # type: ignore[method-assign]
        self.open.add(client)
        return client

    def give_back(self, client: H) -> None:
        """Keep a connection for the next call. Its last response must have been read completely."""
        self._idle.append(client)


class BodyParts(list[bytes]):
    """The parts of a body, as they arrive. A traceback with local variables must not show a token in them."""

    def __repr__(self) -> str:
        return f"<{len(self)} parts>"


RAISED = (httpx.HTTPError, httpx.InvalidURL, RuntimeError)


def translate_error(error: Exception) -> Exception:
    """Return the SDK's error for an exception of httpx."""
    if isinstance(error, httpx.TimeoutException):
        reached = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        return TimedOut(_format_message("no answer in time", error), reached=reached)
    if isinstance(error, _UNREACHED):
        url = error.request.url
        return ConnectionFailed(
            _format_message(f"no connection to {url.scheme}://{url.netloc.decode()}", error), reached=False
        )
    if isinstance(error, httpx.HTTPError):
        return ConnectionFailed(_format_message("the connection broke", error))
    if isinstance(error, httpx.InvalidURL):
        return StellaryError(f"this request cannot be sent: {error}")
    return StellaryError("the client is closed") if "closed" in str(error) else error


_UNREACHED = (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.ProxyError, httpx.LocalProtocolError)


def _format_message(what: str, error: Exception) -> str:
    return f"{what}: {error}" if str(error) else what


def _read_blocks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except RAISED as error:
        raise translate_error(error) from None


class HttpCarrier:
    """HTTP for blocking callers. Each concurrent call has a connection of its own.

    Args:
        url: The base URL, prepended to each path.
        client: Your own client, which you close yourself.
    """

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._requests = RequestBuilder(url, client, httpx.Client)
        self.wait = self._requests.wait
        self._client = client
        self._secure = url.startswith("https:")
        self._closed = False
        self._start()
        _carriers.add(self)

    def _start(self) -> None:
        """Begin without connections."""
        self._lock = threading.Lock()
        self._connections: Connections[httpx.Client] | None = None

    def _take(self) -> httpx.Client:
        """Return the client for a call."""
        if self._client is not None:
            return self._client
        with self._lock:
            if self._closed:
                raise StellaryError("the client is closed")
            if self._connections is None:
                self._connections = Connections(httpx.Client, self._secure)
            return self._connections.take()

    def _give_back(self, client: httpx.Client) -> None:
        """Keep the connection of a call that has read its response."""
        with self._lock:
            if self._connections is not None and client in self._connections.open:
                self._connections.give_back(client)

    def _discard(self, client: httpx.Client) -> None:
        """Close the connection of a stream, or of a call that failed, whose state is not known."""
        if client is self._client:
            return
        with self._lock:
            if self._connections is not None:
                self._connections.open.discard(client)
        client.close()

    def send(self, request: RawRequest, seconds: float, /) -> RawResponse:
        """Send the request; each wait, and the call as a whole, is limited to ``seconds``.

        Args:
            request: The request.
            seconds: The limit of each wait and of the whole call, in seconds.

        Returns:
            The response with its complete body.

        Raises:
            TimedOut: The limit was reached.
            ConnectionFailed: The connection could not be made, or broke.
        """
        client = self._take()
        try:
            response = self._send(client, request, seconds)
        except BaseException:
            self._discard(client)
            raise
        self._give_back(client)
        return response

    def _send(self, client: httpx.Client, request: RawRequest, seconds: float) -> RawResponse:
        until = time.monotonic() + seconds
        parts = BodyParts()
        try:
            response = client.send(
                self._requests.build(request, seconds, request.blocks), stream=True, auth=get_auth(request)
            )
            try:
                for part in response.iter_bytes():
                    parts.append(part)
                    del part  # a traceback with local variables must not show a token in it
                    if time.monotonic() > until:
                        raise TimedOut("the answer was not complete in time")
            finally:
                response.close()
        except RAISED as error:
            raise translate_error(error) from None
        return RawResponse(response.status_code, response.headers, b"".join(parts))

    def open(self, request: RawRequest, silence: float, /) -> OpenStream:
        """Open a stream, which fails after ``silence`` seconds without a byte.

        Args:
            request: The request.
            silence: The longest time between two bytes, in seconds.

        Raises:
            TimedOut: The response did not begin in time.
            ConnectionFailed: The connection could not be made, or broke.
        """
        client = self._take()
        try:
            response = client.send(
                self._requests.build(request, silence, is_stream=True), stream=True, auth=get_auth(request)
            )
        except RAISED as error:
            self._discard(client)
            raise translate_error(error) from None
        except BaseException:
            self._discard(client)
            raise

        def close() -> None:
            try:
                response.close()
            finally:
                self._discard(client)

        return OpenStream(response.status_code, response.headers, _read_blocks(response), close)

    def close(self) -> None:
        """Close the connections, after which calls fail. A client that you passed stays open."""
        if self._client is not None:
            return
        with self._lock:
            self._closed, connections, self._connections = True, self._connections, None
        if connections is not None:
            for client in connections.open:
                client.close()


_carriers: WeakSet[HttpCarrier] = WeakSet()


def _forget_connections() -> None:
    """Forget the connections in a forked process, since they are those of its parent."""
    for carrier in list(_carriers):
        carrier._start()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)
