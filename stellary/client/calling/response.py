"""The response that a call received, with the value that it was read as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import attrs

from stellary.contract.redaction import show_body, show_headers

T = TypeVar("T")


@attrs.frozen
class Response(Generic[T]):
    """The response to a call. Its repr shows neither the body nor credentials.

    Attributes:
        status: The HTTP status.
        headers: By name, in lower case if the response came from a server.
        body: The bytes, after decompression.
        value: The return value of the method; for ``client.request`` the parsed JSON, or the bytes if the body is not JSON.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=show_headers)
    body: bytes = attrs.field(repr=show_body)
    value: T

    @property
    def request_id(self) -> str | None:
        """The ``X-Request-Id`` of the answer."""
        return self.headers.get("x-request-id")
