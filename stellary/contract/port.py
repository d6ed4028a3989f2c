"""The interface that sends requests to the API, over HTTP or in process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import attrs

from stellary.contract.redaction import show_body, show_headers


@attrs.frozen
class RawRequest:
    """A request before it is parsed. Its repr shows neither the body nor credentials.

    Attributes:
        method: In upper case.
        path: The percent-encoded path of the URL, without the query.
        query: Percent-encoded, without the question mark.
        headers: With lowercase names.
        body: Empty if there is none, or if ``blocks`` has it.
        blocks: A body that is not held in memory. Every iteration starts from the beginning.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=show_headers)
    body: bytes = attrs.field(default=b"", repr=show_body)
    blocks: Iterable[bytes] | None = attrs.field(default=None, repr=False)


@attrs.frozen
class RawResponse:
    """A response as bytes, with lowercase header names. Its repr shows neither the body nor credentials.

    Attributes:
        blocks: A body that is not held in memory; can be read once. From a port, the body of a stream.
        cookies: The ``Set-Cookie`` headers of a page; the API sets none.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=show_headers)
    body: bytes = attrs.field(default=b"", repr=show_body)
    blocks: Iterator[bytes] | None = attrs.field(default=None, eq=False, repr=False)
    cookies: tuple[str, ...] = attrs.field(default=(), repr=False, kw_only=True)


class Port(Protocol):
    """A transport that sends one request and returns its response, whatever the status.

    Raises only if there is no response: the SDK's ``ConnectionFailed`` or ``TimedOut``.
    """

    def send(self, request: RawRequest, /) -> RawResponse: ...

    def stream(self, request: RawRequest, /) -> RawResponse:
        """Send a request for a stream: ``blocks`` yields data as it arrives.

        Other responses are the same as from ``send``.
        """
        ...

    def close(self) -> None: ...
