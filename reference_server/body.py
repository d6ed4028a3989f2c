"""Bodies: read with a limit that is counted as they arrive, and a time within which they must have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from reference_server.throttle import GUARDED
from stellary.contract.errors import ApiError, Invalid, TooLarge, UnsupportedMedia
from stellary.contract.project_imports import FILE_MAX

SECONDS = 60.0
FILE_SECONDS = 300.0
FILE_BLOCK = 256 << 10
JSON_MAX = 1 << 20
LARGE_MAX = 10 << 20
PASSWORD_MAX = 16 << 10
_MAXIMA: Mapping[str, int] = {
    "projects.import": FILE_MAX,
    "cards.create_many": LARGE_MAX,
    "cards.update_many": LARGE_MAX,
    # A content of 1 MB, all of whose characters may be escaped.
    "documents.create": LARGE_MAX,
    "documents.update": LARGE_MAX,
    # Small, since whoever has no account yet may send them.
    **dict.fromkeys(GUARDED, PASSWORD_MAX),
}
# aiohttp unpacks these as they arrive, a little at a time, so that what is small and unpacks to much is noticed early.
_ENCODINGS = ("", "identity", "gzip", "deflate")


def body_max(operation: str) -> int:
    """How many bytes a body of that operation may have, unpacked."""
    return _MAXIMA.get(operation, JSON_MAX)


async def read_body(request: web.BaseRequest, most: int) -> bytes:
    """The body of a request.

    Args:
        request: Whose body nobody has read.
        most: How many bytes it may have.

    Raises:
        TooLarge: It has more, or says that it will.
        UnsupportedMedia: It is packed in a way that is not understood.
        Invalid: It breaks off, or cannot be unpacked.
        ApiError: 408, it took too long; 417, something unknown is expected.
    """
    if (request.content_length or 0) > most:
        raise _too_large(most)
    _check_encoding(request)
    content = request.content
    with _understood():
        if content.is_eof() and content.exception() is None:
            # It has arrived together with its headers, as nearly all do.
            body = bytes(content.read_nowait(-1))
        else:
            async with asyncio.timeout(SECONDS):
                await _continue(request)
                body = await _counted(request, most)
    if len(body) > most:
        raise _too_large(most)
    return body


async def body_blocks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body of a request that brings a file, in blocks of 256 kB. Whoever takes them counts them.

    Each block must arrive within ``SECONDS``, and the body within ``FILE_SECONDS``.

    Raises:
        UnsupportedMedia, Invalid, ApiError: As ``read_body``.
    """
    _check_encoding(request)
    block = bytearray()
    until = asyncio.get_running_loop().time() + FILE_SECONDS
    await _continue(request)
    while True:
        with _understood():
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + SECONDS)):
                while len(block) < FILE_BLOCK and (chunk := await request.content.readany()):
                    block += chunk
        if not block:
            return
        yield bytes(block)
        block.clear()


def _check_encoding(request: web.BaseRequest) -> None:
    if request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower() not in _ENCODINGS:
        raise UnsupportedMedia("Content-Encoding must be gzip or deflate")


@contextmanager
def _understood() -> Iterator[None]:
    """What goes wrong while a body arrives is an error of whoever sends it."""
    try:
        yield
    except TimeoutError:
        raise _error(408, "the body took too long to arrive", "too_slow") from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise Invalid("the body cannot be read: it breaks off, or is not packed as it says") from None


async def _counted(request: web.BaseRequest, most: int) -> bytes:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


async def _continue(request: web.BaseRequest) -> None:
    """Tell a client that waits for it that its body is wanted, after all that could speak against it."""
    expected = request.headers.get(hdrs.EXPECT)
    if expected is None:
        return
    if expected.lower() != "100-continue":
        raise _error(417, "Expect must be 100-continue", "expectation_failed")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # What was written is no part of the answer.
    request.writer.output_size = 0


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body must not be larger than {most} bytes")


def _error(status: int, message: str, code: str) -> ApiError:
    error = ApiError(message, code=code)
    error.status = status
    return error
