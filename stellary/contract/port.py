"""The port: what carries a request to the API and brings the answer back, over HTTP or in process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import attrs

from stellary.contract.redaction import show_body, show_headers


@attrs.frozen
class RawRequest:
    """A request before anybody has read it. Its repr shows neither the body nor credentials.

    Attributes:
        method: In capitals.
        path: As it stands in the URL, percent-encoded, without the query.
        query: Percent-encoded, without the question mark.
        headers: With lower-case names.
        body: Empty where there is none, or where ``blocks`` has it.
        blocks: A body that is not to be held in memory. Each iteration begins it anew.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=show_headers)
    body: bytes = attrs.field(default=b"", repr=show_body)
    blocks: Iterable[bytes] | None = attrs.field(default=None, repr=False)


@attrs.frozen
class RawResponse:
    """An answer as bytes; header names are lower-case. Its repr shows neither the body nor credentials.

    Attributes:
        blocks: A body that is not held in memory, to be read once. From a port, that of a stream.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=show_headers)
    body: bytes = attrs.field(default=b"", repr=show_body)
    blocks: Iterator[bytes] | None = attrs.field(default=None, eq=False, repr=False)


class Port(Protocol):
    """Sends one request and returns its answer, whatever its status.

    Raises only if there is no answer at all: the SDK's ``ConnectionFailed`` or ``TimedOut``.
    """

    def send(self, request: RawRequest, /) -> RawResponse: ...

    def stream(self, request: RawRequest, /) -> RawResponse:
        """The same for what goes on answering: ``blocks`` come as things happen. Other answers are as ``send`` has them."""
        ...

    def close(self) -> None: ...


class AsyncPort(Protocol):
    """The same for callers that await."""

    async def send(self, request: RawRequest, /) -> RawResponse: ...

    async def close(self) -> None: ...
