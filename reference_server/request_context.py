"""The context of a request while the server handles it, and the headers that the server adds to every response."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import quote

import attrs
from aiohttp import web
from multidict import CIMultiDict

from reference_server.streams import StreamStart
from stellary.contract.endpoint import EVENT_STREAM
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Match
from stellary.core.http.addresses import Network, client_address
from stellary.core.http.compression import strip_encoding
from stellary.core.kernel.unit import Actor

# For ids, not for secrets: the system's source of randomness would release the interpreter lock each time.
_random = Random()  # noqa: S311
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# The characters that are allowed in a request target; all others, such as invalid UTF-8, are percent-encoded.
_TARGET_SAFE = "/%:@!$&'()*+,;=?-._~[]|\"<>\\^`{}"
_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store", "server": "stellary"}


@attrs.define(eq=False)
class RequestContext:
    """One request, and the results of handling it so far.

    Attributes:
        request: The request of aiohttp.
        request_id: The ``X-Request-Id`` of the request, or a new one.
        method: The method; HEAD is handled as GET.
        prefix: The prefix of paths, if a host's application mounts this one; empty otherwise.
        path, query: Percent-encoded; without the prefix.
        headers: The headers, with lower-case names.
        client: The client's address.
        match: The endpoint, once it is known.
        actor: The caller, once authenticated.
        stream_start: The stream to send, if the response is one.
    """

    request: web.BaseRequest
    request_id: str
    method: str
    prefix: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: str
    match: Match | None = None
    actor: Actor | None = None
    stream_start: StreamStart | None = None

    def to_raw_request(self, body: bytes = b"") -> RawRequest:
        """Return the request in the form of the core's port."""
        headers = {**self.headers, "x-request-id": self.request_id}
        return RawRequest(self.method, self.path, self.query, headers, body)


OperationHandler = Callable[[RequestContext], Awaitable[RawResponse]]
"""The handler of an operation that the server answers without the core."""


def create_context(request: web.BaseRequest, prefix: str, proxies: Sequence[Network]) -> RequestContext:
    """Return the context of a request.

    Args:
        request: The request of aiohttp.
        prefix: The prefix of paths, if a host's application mounts this one; other paths return 404.
        proxies: The trusted proxies, whose ``X-Forwarded-For`` headers are used.

    Returns:
        The context.
    """
    headers = {name.lower(): text for name, text in request.headers.items()}
    if "if-match" in headers:
        headers["if-match"] = strip_encoding(headers["if-match"])
    path = _ascii(request.rel_url.raw_path)
    if prefix:
        path = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else ""
    return RequestContext(
        request=request,
        request_id=make_request_id(headers.get("x-request-id")),
        method="GET" if request.method == "HEAD" else request.method,
        prefix=prefix,
        path=path,
        query=_ascii(request.rel_url.raw_query_string),
        headers=headers,
        client=client_address(
            request.remote, request.headers.getall("X-Forwarded-For", ()) if proxies else (), proxies
        ),
    )


def parse_bearer(authorization: str | None) -> str:
    """Return the token of an ``Authorization`` header; empty if there is none."""
    scheme, _, bearer = (authorization or "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def make_request_id(sent_id: str | None = None) -> str:
    """Return the id that the client has sent, if it is safe for a log, or else a new one."""
    if sent_id is not None and _REQUEST_ID.fullmatch(sent_id):
        return sent_id
    return f"req_{_random.getrandbits(64):016x}"


def build_response(
    raw: RawResponse, id: str, extra_headers: Mapping[str, str] | None = None
) -> web.Response | web.StreamResponse:
    """Return a response with the headers that all responses have; its own headers win. A stream is not sent yet."""
    headers: CIMultiDict[str] = CIMultiDict(_HEADERS)
    headers["x-request-id"] = id
    if extra_headers:
        headers.update(extra_headers)
    headers.update(raw.headers)
    if extra_headers and "vary" in raw.headers and (vary := extra_headers.get("vary")):
        headers["vary"] = f"{vary}, {raw.headers['vary']}"
    if raw.blocks is not None or raw.headers.get("content-type") == EVENT_STREAM:
        return web.StreamResponse(status=raw.status, headers=headers)
    body: Any = raw.body or None
    return web.Response(status=raw.status, headers=headers, body=body)


def _ascii(text: str) -> str:
    return text if text.isascii() else quote(text, safe=_TARGET_SAFE, errors="surrogateescape")
