"""HTTP by httpx for blocking callers. Every exception of httpx is converted to one of the SDK's errors."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import httpx

from stellary.client.errors import ConnectionFailed, TimedOut
from stellary.contract.errors import StellaryError
from stellary.contract.port import RawRequest, RawResponse

CONNECT = 5.0
"""The time limit for connecting, in seconds."""
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0)
_URLS_MAX = 512
_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""The default time-out of an httpx client."""
_OUR_TIMEOUT = {"connect": CONNECT, "read": None, "write": None, "pool": CONNECT}

HttpClient = httpx.Client
AsyncHttpClient = httpx.AsyncClient


class RequestBuilder:
    """A builder of httpx requests.

    Args:
        url: The base URL, prepended to each path.
        client: The caller's own client, whose headers, parameters, cookies and time-outs are merged in. Without one, requests
            are built here, because ``client.build_request`` costs more than all other Python code of a call.
    """

    def __init__(self, url: str, client: httpx.Client | httpx.AsyncClient | None) -> None:
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
        self, request: RawRequest, seconds: float, body: Iterable[bytes] | AsyncIterator[bytes] | None = None
    ) -> httpx.Request:
        """Return a request that waits at most ``seconds`` for each step: connecting, sending, reading.

        Args:
            request: The request.
            seconds: The longest wait for each step, in seconds.
            body: Used if the request has no body of its own.
        """
        return (
            self._build_merged(request, seconds, seconds, body)
            if self._client
            else self._build_plain(request, seconds, body)
        )

    def build_stream(self, request: RawRequest, silence: float) -> httpx.Request:
        """Return a request for a stream, which fails after ``silence`` seconds without a byte.

        Args:
            request: The request.
            silence: The longest time between two bytes, in seconds.
        """
        return (
            self._build_merged(request, silence, None, None)
            if self._client
            else self._build_plain(request, silence, None)
        )

    def _build_merged(
        self,
        request: RawRequest,
        seconds: float,
        read: float | None,
        body: Iterable[bytes] | AsyncIterator[bytes] | None,
    ) -> httpx.Request:
        """Return a request merged with the settings of the caller's own client.

        Args:
            request: The request; its headers win.
            seconds: The longest wait.
            read: The longest wait for reading, within the client's limit; None to ignore that limit.
            body: Used if the request has no body of its own.
        """
        client = self._client
        assert client is not None
        headers = dict(request.headers)
        user_agent = client.headers.get("user-agent", "")
        if not user_agent.startswith("python-httpx/") and headers.get("user-agent", "").startswith(
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
            # httpx replaces the query with the client's parameters, unless our query is passed as parameters too.
            params=request.query if client.params else None,
            headers=headers,
            content=request.body or body,
            timeout=httpx.Timeout(
                **{name: None if wait == math.inf else wait for name, wait in waits.items()}
            ),
        )

    def _build_plain(
        self, request: RawRequest, seconds: float, body: Iterable[bytes] | AsyncIterator[bytes] | None
    ) -> httpx.Request:
        target = f"{request.path}?{request.query}" if request.query else request.path
        url = self._urls.get(target)
        if url is None:
            url = httpx.URL(self._base + target)
            # Parsing a URL is a quarter of a request's cost, and polling requests the same URLs repeatedly.
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


def get_auth(request: RawRequest) -> Any:
    """Return the ``auth`` argument: None if the request has a token, else the default of the httpx client."""
    return None if "authorization" in request.headers else httpx.USE_CLIENT_DEFAULT


def ignore_cookies(client: httpx.Client | httpx.AsyncClient) -> None:
    """Let a client ignore the cookies of responses, since ``RequestBuilder`` sends none. Looking for them takes a tenth of a call."""
    client.cookies.extract_cookies = lambda response: None  # type: ignore[method-assign]


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


class HttpStream:
    """A streaming response."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status, self.headers = response.status_code, response.headers
        self.blocks = self._read()

    def _read(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_bytes()
        except RAISED as error:
            raise translate_error(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


class HttpCarrier:
    """HTTP for blocking callers.

    Args:
        url: The base URL, prepended to each path.
        client: Your own client, which you close yourself. Without one, the first request creates a client.
    """

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._requests = RequestBuilder(url, client)
        self.wait = self._requests.wait
        self._client = client
        self._owns_client = client is None
        self._secure = url.startswith("https:")
        self._lock = threading.Lock()
        self._closed = False

    def _get_client(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise StellaryError("the client is closed")
            if self._client is None:
                # Loading the certificates that https needs takes 10 ms.
                client = httpx.Client(verify=self._secure, limits=LIMITS)
                ignore_cookies(client)
                self._client = client
            return self._client

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
        client = self._client or self._get_client()
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

    def open(self, request: RawRequest, silence: float, /) -> HttpStream:
        """Open a stream, which fails after ``silence`` seconds without a byte.

        Args:
            request: The request.
            silence: The longest time between two bytes, in seconds.

        Raises:
            TimedOut: The response did not begin in time.
            ConnectionFailed: The connection could not be made, or broke.
        """
        client = self._client or self._get_client()
        try:
            return HttpStream(
                client.send(
                    self._requests.build_stream(request, silence), stream=True, auth=get_auth(request)
                )
            )
        except RAISED as error:
            raise translate_error(error) from None

    def close(self) -> None:
        """Close the client, after which calls fail. A client that you passed stays open."""
        if not self._owns_client:
            return
        with self._lock:
            self._closed, client, self._client = True, self._client, None
        if client is not None:
            client.close()
