"""Compression of responses to reads, in the encoding that the client accepts."""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import attrs

from stellary.core.api.dispatch import ServiceResponse

SIZE_MIN = 1024
"""The minimum size of a compressed body, in bytes."""
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")
_TAG_SUFFIX = re.compile(r'-(?:gzip|zstd)"')
_ACCEPTED = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII)

Encoder = Callable[[bytes], bytes]


def _compress_to_gzip(body: bytes) -> bytes:
    return zlib.compress(body, _GZIP_LEVEL, _GZIP_WINDOW)


def _compress_to_gzip_blocks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for block in blocks:
        if compressed := compressor.compress(block):
            yield compressed
    yield compressor.flush()


def find_encoders() -> dict[str, Encoder]:
    """Return the available encoders by content coding, the best one first. zstd requires Python 3.14 or a library."""
    for name in _ZSTD_MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return {"zstd": cast(Encoder, module.compress), "gzip": _compress_to_gzip}
    return {"gzip": _compress_to_gzip}


class Compression:
    """The compression of responses. Entity tags name the encoding, since they identify bytes.

    Args:
        encoders: The encoders by content coding, the preferred one first.
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        self._encoders = encoders

    def compress(self, answer: ServiceResponse, accept_encoding: str | None) -> ServiceResponse:
        """Return a response with a compressed body, if it is large enough and the client accepts an encoding.

        Args:
            answer: The response.
            accept_encoding: The ``Accept-Encoding`` header of the request.
        """
        if answer.blocks is not None:
            return self._compress_blocks(answer, answer.blocks, accept_encoding)
        if len(answer.body) < SIZE_MIN or answer.headers.get("content-type") != "application/json":
            return answer
        headers = {**answer.headers, "vary": "Accept-Encoding"}
        encoding = self._choose(accept_encoding or "")
        if encoding is None:
            return attrs.evolve(answer, headers=headers)
        headers["content-encoding"] = encoding
        if "etag" in headers:
            headers["etag"] = f'{headers["etag"][:-1]}-{encoding}"'
        return attrs.evolve(answer, headers=headers, body=self._encoders[encoding](answer.body))

    def _compress_blocks(
        self, answer: ServiceResponse, blocks: Iterator[bytes], accept_encoding: str | None
    ) -> ServiceResponse:
        """Return a response whose blocks are compressed while they are sent, in gzip only."""
        if answer.headers.get("content-type") != "application/json":
            return answer
        headers = {**answer.headers, "vary": "Accept-Encoding"}
        if "gzip" not in self._list_accepted(accept_encoding or ""):
            return attrs.evolve(answer, headers=headers)
        del headers["content-length"]
        headers["content-encoding"] = "gzip"
        return attrs.evolve(answer, headers=headers, blocks=_compress_to_gzip_blocks(blocks))

    def _choose(self, accept_encoding: str) -> str | None:
        """Return the first encoding that an ``Accept-Encoding`` header accepts."""
        return next(iter(self._list_accepted(accept_encoding)), None)

    def _list_accepted(self, accept_encoding: str) -> list[str]:
        """Return the encodings that an ``Accept-Encoding`` header accepts; malformed parts accept nothing."""
        matches = [_ACCEPTED.fullmatch(part) for part in accept_encoding.split(",")]
        weights = {match[1].lower(): float(match[2] or 1) for match in matches if match}
        return [name for name in self._encoders if weights.get(name, weights.get("*", 0)) > 0]


def strip_encoding(tags: str) -> str:
    """Return entity tags without the encodings that ``Compression`` added to them."""
    return _TAG_SUFFIX.sub('"', tags)
