"""The context of a request while it is handled, and the headers that all responses have."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import attrs

from stellary._tracing import fail_span
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Match
from stellary.core.http.compression import strip_encoding
from stellary.core.http.observers import logged_path
from stellary.core.http.streams import StreamStart
from stellary.core.kernel.unit import Actor

if TYPE_CHECKING:
    from opentelemetry.trace import Span

# Only for ids, not for secrets. The system's source of randomness would release the interpreter lock at each call.
_random = Random()  # noqa: S311
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# The characters that are allowed in a request target; all others, such as invalid UTF-8, are percent-encoded.
_TARGET_SAFE = "/%:@!$&'()*+,;=?-._~[]|\"<>\\^`{}"
CLIENT_GONE = 499
"""The status in the access log of a request whose client disconnected before the response; the same as in nginx."""
_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class BodySource(Protocol):
    """The body of a request as its server receives it."""

    @property
    def is_inflated(self) -> bool:
        """True if the server removes the content encoding."""
        ...

    def read_arrived(self) -> bytes | None:
        """Return the remaining body if it has arrived completely, or else None."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes of the body; empty at its end.

        Raises:
            Invalid: The body is incomplete or damaged.
            ConnectionError: The client has disconnected.
        """
        ...

    async def send_continue(self) -> None:
        """Send "100 Continue", if the server does not do so by itself."""
        ...

    def is_gone(self) -> bool:
        """Return whether the client has disconnected."""
        ...


@attrs.define(eq=False, kw_only=True)
class RequestContext:
    """One request, and the results of handling it so far.

    Attributes:
        request_id: The ``X-Request-Id`` of the request, or a new one.
        sent_method: The method.
        method: The method; HEAD is handled as GET.
        prefix: The prefix of paths, if a host's application mounts the API; empty otherwise.
        path, query: Percent-encoded; without the prefix.
        headers: The headers, with lower-case names. They are changed.
        client: The client's address.
        body: The body.
        repeats_authorization: Whether there are several ``Authorization`` headers.
        is_secure: Whether the client uses HTTPS.
        identify: Returns the actor that the host's application has logged in, or None; None uses bearer tokens only.
        is_active: Returns whether the user of a bearer token, who is one of the host, may still use the API; None if the
            host does not decide on callers.
        match: The endpoint, once it is known.
        host_actor: The caller, if the host's application has logged them in.
        actor: The caller, once authenticated.
        stream_start: The stream to send, if the response is one.
        started_at: The time at which handling began, on the clock of ``time.perf_counter``.
        status: The status of the response for the log, once the response has been sent.
        continues: Whether a stream goes on after the request's task. Its end calls ``Api.finish``.
    """

    request_id: str = attrs.field(init=False)
    sent_method: str
    method: str = attrs.field(init=False)
    prefix: str
    path: str
    query: str
    headers: dict[str, str]
    client: str
    body: BodySource
    repeats_authorization: bool = False
    is_secure: bool = False
    identify: Callable[[], Awaitable[Actor | None]] | None = None
    is_active: Callable[[str], Awaitable[bool]] | None = None
    match: Match | None = None
    host_actor: Actor | None = None
    actor: Actor | None = None
    stream_start: StreamStart | None = None
    started_at: float = 0.0
    status: int = CLIENT_GONE
    continues: bool = False

    def __attrs_post_init__(self) -> None:
        headers = self.headers
        if "if-match" in headers:
            headers["if-match"] = strip_encoding(headers["if-match"])
        headers["x-request-id"] = self.request_id = make_request_id(headers.get("x-request-id"))
        self.method = "GET" if self.sent_method == "HEAD" else self.sent_method

    @property
    def content_length(self) -> int | None:
        """The declared size of the body; None if the request does not declare it."""
        text = self.headers.get("content-length")
        return int(text) if text is not None and text.isdecimal() else None

    def to_access_request(self) -> RawRequest:
        """Return the request without its body, and with only those headers that access checks read."""
        token = self.headers.get("authorization")
        headers = {"x-request-id": self.request_id} | ({} if token is None else {"authorization": token})
        return RawRequest(self.method, self.path, self.query, headers)

    def continue_stream(self, status: int) -> None:
        """Note that the stream goes on after the request's task, and free what the request no longer needs."""
        self.status = status
        self.continues = True
        del self.headers, self.body, self.identify, self.is_active

    def describe(self, span: Span) -> None:
        """Name a span after the operation, and add what the access log has of the request."""
        endpoint = self.match.endpoint if self.match else None
        span.update_name(endpoint.operation if endpoint else "none")
        span.set_attribute("http.request.method", self.sent_method)
        span.set_attribute("url.path", logged_path(self.path, endpoint))
        span.set_attribute("http.response.status_code", self.status)
        span.set_attribute("stellary.request_id", self.request_id)
        if self.status >= 500:
            fail_span(str(self.status))

    def to_raw_request(self, body: bytes = b"") -> RawRequest:
        """Return the request in the form of the core's port."""
        return RawRequest(self.method, self.path, self.query, self.headers, body)


OperationHandler = Callable[[RequestContext], Awaitable[RawResponse]]
"""The handler of an operation that is answered without the core."""


def make_request_id(sent_id: str | None = None) -> str:
    """Return the id that the client has sent, if it is safe for a log, or else a new one."""
    if sent_id is not None and _REQUEST_ID.fullmatch(sent_id):
        return sent_id
    return f"req_{_random.getrandbits(64):016x}"


def remove_prefix(path: str, prefix: str) -> str:
    """Return a path without the prefix of a mounted application; an empty string if the path does not have the prefix.

    Args:
        path: The path of a request.
        prefix: The prefix, without a slash at its end; empty for none.
    """
    return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else ""


def add_prefix(answer: RawResponse, prefix: str) -> RawResponse:
    """Return a response whose paths have the prefix of a mounted application.

    Args:
        answer: The response.
        prefix: The prefix, without a slash at its end; empty for none.
    """
    if not prefix:
        return answer
    headers = dict(answer.headers)
    if "link" in headers:
        headers["link"] = headers["link"].replace("<", f"<{prefix}", 1)
    if "location" in headers:
        headers["location"] = prefix + headers["location"]
    return attrs.evolve(answer, headers=headers)


def build_headers(
    raw: RawResponse, request_id: str, extra_headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers of a response with those that all responses have; its own headers win.

    Args:
        raw: The response.
        request_id: The id of the request.
        extra_headers: The headers of CORS and limits.
    """
    headers = {**_HEADERS, "x-request-id": request_id}
    if extra_headers:
        headers.update(extra_headers)
    headers.update(raw.headers)
    if extra_headers and "vary" in raw.headers and (vary := extra_headers.get("vary")):
        headers["vary"] = f"{vary}, {raw.headers['vary']}"
    return headers


def encode_target(text: str) -> str:
    """Return the path or query of a request target in ASCII."""
    return text if text.isascii() else quote(text, safe=_TARGET_SAFE, errors="surrogateescape")
