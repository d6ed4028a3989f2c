"""An exchange: one request on its way through the server, and what the server adds to every answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import quote

import attrs
from aiohttp import web
from multidict import CIMultiDict

from reference_server.addresses import client_address
from reference_server.settings import Network
from reference_server.streams import Opening
from stellary.contract.endpoint import EVENT_STREAM
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Match
from stellary.core.kernel.unit import Actor

# Names, and no secrets: the system's own source would let go of the interpreter, and wait to get it back.
_numbers = Random()  # noqa: S311
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# What may stand in a target as it is; all else, such as bytes that are no text, is written with per cent signs.
_TARGET_SAFE = "/%:@!$&'()*+,;=?-._~[]|\"<>\\^`{}"
_ALWAYS = {"x-content-type-options": "nosniff", "cache-control": "no-store", "server": "stellary"}


@attrs.define(eq=False)
class Exchange:
    """One request, and what is found out about it.

    Attributes:
        request: As aiohttp has it.
        request_id: Taken over from ``X-Request-Id``, or made.
        method: HEAD is asked as GET.
        path, query: Percent-encoded; without the prefix of a host's application.
        headers: With lower-case names.
        client: The address that it comes from.
        match: The endpoint, once it is known.
        actor: Who asks, once it is known.
        opening: What is to be followed, if the answer goes on.
    """

    request: web.BaseRequest
    request_id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client: str
    match: Match | None = None
    actor: Actor | None = None
    opening: Opening | None = None

    def raw(self, body: bytes = b"") -> RawRequest:
        """The request as the core takes it."""
        headers = {**self.headers, "x-request-id": self.request_id}
        return RawRequest(self.method, self.path, self.query, headers, body)


Own = Callable[[Exchange], Awaitable[RawResponse]]
"""Answers an operation that is the server's own."""


def opened(request: web.BaseRequest, prefix: str, proxies: Sequence[Network]) -> Exchange:
    """An exchange for a request.

    Args:
        request: As it came.
        prefix: Of the paths, where the application is part of a host's; what has none is nowhere.
        proxies: Whose word is taken for where it came from.
    """
    headers = {name.lower(): text for name, text in request.headers.items()}
    path = _ascii(request.rel_url.raw_path)
    if prefix:
        path = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else ""
    return Exchange(
        request=request,
        request_id=request_id(headers.get("x-request-id")),
        method="GET" if request.method == "HEAD" else request.method,
        path=path,
        query=_ascii(request.rel_url.raw_query_string),
        headers=headers,
        client=client_address(
            request.remote, request.headers.getall("X-Forwarded-For", ()) if proxies else (), proxies
        ),
    )


def request_id(given: str | None = None) -> str:
    """The id that was given, if it is one that a log can take; otherwise a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"req_{_numbers.getrandbits(64):016x}"


def response(
    raw: RawResponse, id: str, more: Mapping[str, str] | None = None
) -> web.Response | web.StreamResponse:
    """An answer with what belongs on every one. The headers of the answer itself win. What goes on is not sent."""
    headers: CIMultiDict[str] = CIMultiDict(_ALWAYS)
    headers["x-request-id"] = id
    if more:
        headers.update(more)
    headers.update(raw.headers)
    if raw.blocks is not None or raw.headers.get("content-type") == EVENT_STREAM:
        return web.StreamResponse(status=raw.status, headers=headers)
    body: Any = raw.body or None
    return web.Response(status=raw.status, headers=headers, body=body)


def _ascii(text: str) -> str:
    return text if text.isascii() else quote(text, safe=_TARGET_SAFE, errors="surrogateescape")
