"""Request bodies: counted as they arrive, and inflated within a limit. Large ones are read only for admitted callers."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import attrs

from stellary.contract.errors import ApiError, Invalid, TooLarge, UnsupportedMedia
from stellary.contract.project_imports import FILE_MAX
from stellary.contract.router import AnyEndpoint
from stellary.core.http.context import RequestContext
from stellary.core.http.throttle import GUARDED

SECONDS = 60.0
FILE_SECONDS = 300.0
FILE_BLOCK = 256 << 10
_SLICE = 64 << 10
SMALL_MAX = 16 << 10
"""The maximum size of an inflated body that is read before the token is checked, in bytes."""


@attrs.frozen
class BodyLimits:
    """The limits of an operation's body.

    Attributes:
        size: Bytes, after inflating.
        values: The number of JSON values: objects, lists, strings, numbers, literals and field names. Each
            takes some hundred bytes once it is parsed, even if it is short.
    """

    size: int
    values: int


STANDARD = BodyLimits(size=1 << 20, values=100_000)
LARGE = BodyLimits(size=10 << 20, values=250_000)
PASSWORD = BodyLimits(size=SMALL_MAX, values=1_000)
_PROJECT_FILE = BodyLimits(size=FILE_MAX, values=1_000_000)
_LIMITS: Mapping[str, BodyLimits] = {
    "projects.import": _PROJECT_FILE,
    "imports.create": _PROJECT_FILE,
    "imports.add_part": _PROJECT_FILE,
    "cards.create_many": LARGE,
    "cards.update_many": LARGE,
    # The content has up to 1 MB, and each of its characters may be escaped.
    "documents.create": LARGE,
    "documents.update": LARGE,
    **dict.fromkeys(GUARDED, PASSWORD),
}


def body_limits(endpoint: AnyEndpoint) -> BodyLimits:
    """Return the limits of an endpoint's body. Public endpoints accept only small bodies."""
    return _LIMITS.get(endpoint.operation, PASSWORD if endpoint.policy.role == "public" else STANDARD)


class RequestBody:
    """The body of a request without a file: small ones are read immediately, others after the caller is admitted.

    Args:
        context: The request, whose body has not been read.
        size_max: The maximum size of the inflated body, in bytes.

    Raises:
        TooLarge: The request declares a larger body.
        UnsupportedMedia: The encoding is not supported.
    """

    def __init__(self, context: RequestContext, size_max: int) -> None:
        self._declared = context.content_length
        if (self._declared or 0) > size_max:
            raise _too_large(size_max)
        self._encoding = _encoding(context)
        self._context = context
        self._size_max = size_max
        self._received = bytearray()
        self._until: float | None = None
        self._continued = False

    async def read_small(self) -> bytes | None:
        """Read the body if it has at most ``SMALL_MAX`` bytes, as sent and inflated.

        Returns:
            The inflated body; None if the body is larger, in which case only its beginning has been read.

        Raises:
            TooLarge: The body is larger than the operation accepts.
            Invalid: It is incomplete, or not encoded as the request says.
            ApiError: 408 if it takes too long; 417 for an unknown ``Expect`` header.
        """
        size_max = min(SMALL_MAX, self._size_max)
        if await self._receive(size_max):
            body = _inflate(self._received, self._encoding, size_max) if self._encoding else self._received
            if len(body) <= size_max:
                return bytes(body)
        if self._size_max <= SMALL_MAX:
            raise _too_large(self._size_max)
        return None

    async def read(self) -> None:
        """Read the rest of a larger body, as it is sent.

        Raises:
            TooLarge, Invalid, ApiError: As ``read_small``.
        """
        if not await self._receive(self._size_max):
            raise _too_large(self._size_max)

    def inflate(self) -> bytes:
        """Return the inflated body after it has been read. This takes time, so call it in a thread.

        Raises:
            TooLarge: It is larger than the operation takes.
            Invalid: It is incomplete, or not encoded as the request says.
        """
        received, self._received = self._received, bytearray()
        body = _inflate(received, self._encoding, self._size_max) if self._encoding else received
        if len(body) > self._size_max:
            raise _too_large(self._size_max)
        # Not copied, since it may be large and does not change.
        return cast("bytes", body)

    async def _receive(self, size_max: int) -> bool:
        """Read until the body is complete. Return False as soon as it exceeds ``size_max``, or declares a larger size."""
        source = self._context.body
        arrived = source.read_arrived()
        if arrived is not None:
            # The body has arrived together with the headers, as nearly all bodies do.
            self._received += arrived
            return len(self._received) <= size_max
        if (self._declared or 0) > size_max:
            return False
        if "expect" in self._context.headers and not self._continued:
            if self._declared is None and size_max < self._size_max:
                # The size is unknown, so the caller has to be admitted first.
                return False
            self._continued = True
            await _send_continue(self._context)
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + SECONDS
        with _translate_timeouts():
            async with asyncio.timeout_at(self._until):
                while chunk := await source.read():
                    self._received += chunk
                    if len(self._received) > size_max:
                        return False
        return True


async def body_blocks(context: RequestContext) -> AsyncIterator[bytes]:
    """Yield the inflated body of an upload, in blocks of at most 256 kB. The caller counts the bytes.

    Each block must arrive within ``SECONDS``, and the whole body within ``FILE_SECONDS``.

    Raises:
        UnsupportedMedia, Invalid, ApiError: As ``RequestBody``.
    """
    encoding = _encoding(context)
    inflater = _Inflater(encoding) if encoding else None
    block = bytearray()
    until = asyncio.get_running_loop().time() + FILE_SECONDS
    await _send_continue(context)
    while True:
        with _translate_timeouts():
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + SECONDS)):
                while len(block) < FILE_BLOCK and (chunk := await context.body.read()):
                    block += chunk
        if not block:
            break
        if inflater is None:
            yield bytes(block)
        else:
            for inflated in inflater.inflate(block):
                yield inflated
        block.clear()
    if inflater is not None:
        inflater.finish()


class _Inflater:
    """An incremental decoder of gzip (one member) or deflate.

    Raises:
        Invalid: From each method: the data is damaged or incomplete, or other data follows it.
    """

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding == "gzip"
        self._stream: zlib._Decompress | None = None

    def inflate(self, data: bytes | bytearray) -> Iterator[bytes]:
        """Yield the inflated data, in blocks of at most ``FILE_BLOCK`` bytes."""
        # Inflated in slices, since the remaining data is copied at each step.
        for start in range(0, len(data), _SLICE):
            yield from self._inflate_slice(data[start : start + _SLICE])

    def finish(self) -> None:
        """Check that the data was complete."""
        if self._stream is not None and not self._stream.eof:
            raise incomplete_body()

    def _inflate_slice(self, data: bytes | bytearray) -> Iterator[bytes]:
        stream = self._stream
        if stream is None:
            stream = self._stream = zlib.decompressobj(self._window(data[0]))
        while True:
            if stream.eof and data:
                raise incomplete_body()
            try:
                block = stream.decompress(data, FILE_BLOCK)
            except zlib.error:
                raise incomplete_body() from None
            data = stream.unconsumed_tail or stream.unused_data
            if block:
                yield block
            if not data and len(block) < FILE_BLOCK:
                return

    def _window(self, first: int) -> int:
        if self._is_gzip:
            return 16 + zlib.MAX_WBITS
        # Some clients send deflate data without the zlib header.
        return zlib.MAX_WBITS if first & 0xF == 8 else -zlib.MAX_WBITS


def _inflate(data: bytearray, encoding: str, size_max: int) -> bytearray:
    """Inflate data. If the result would exceed the limit, it is truncated, but longer than the limit."""
    inflater = _Inflater(encoding)
    inflated = bytearray()
    for block in inflater.inflate(data):
        inflated += block
        if len(inflated) > size_max:
            return inflated
    inflater.finish()
    return inflated


def _encoding(context: RequestContext) -> str | None:
    """Return the encoding of the content: gzip, deflate, or None."""
    encoding = context.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "deflate"):
        raise UnsupportedMedia("Content-Encoding must be gzip or deflate")
    return None if context.body.is_inflated else encoding


@contextmanager
def _translate_timeouts() -> Iterator[None]:
    """Convert a timeout while a body is received to an error of the API."""
    try:
        yield
    except TimeoutError:
        raise _error(408, "the body took too long to arrive", "too_slow") from None


async def _send_continue(context: RequestContext) -> None:
    """Send "100 Continue" to a client that waits for it, after all checks that could reject its body."""
    expected = context.headers.get("expect")
    if expected is None:
        return
    if expected.lower() != "100-continue":
        raise _error(417, "Expect must be 100-continue", "expectation_failed")
    await context.body.send_continue()


def incomplete_body() -> Invalid:
    """Return the error for a body that is incomplete, or not encoded according to its headers."""
    return Invalid("the body cannot be read: it is incomplete, or not encoded as Content-Encoding says")


def _too_large(size_max: int) -> TooLarge:
    return TooLarge(f"the body must not be larger than {size_max} bytes")


def _error(status: int, message: str, code: str) -> ApiError:
    error = ApiError(message, code=code)
    error.status = status
    return error
