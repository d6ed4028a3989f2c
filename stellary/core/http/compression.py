"""Compression of responses to reads, in the encoding that the client accepts."""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Protocol, cast

import attrs

from stellary.core.api.dispatch import ServiceResponse

SIZE_MIN = 1024
"""The minimum size of a compressed body, in bytes."""
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")
_TAG_SUFFIX = re.compile(r'-(?:gzip|zstd)"')
_ACCEPTED = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII)


class Compressor(Protocol):
    """The compression of one body."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the next compressed bytes; empty if more data is needed."""
        ...

    def flush(self) -> bytes:
        """Return the last compressed bytes."""
        ...


CreateCompressor = Callable[[], Compressor]


def _create_gzip_compressor() -> Compressor:
    return zlib.compressobj(level=1, wbits=31)


def find_encodings() -> dict[str, CreateCompressor]:
    """Return the available compressors by content coding, the best one first. zstd requires Python 3.14 or a library."""
    for name in _ZSTD_MODULES:
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        return {"zstd": partial(_create_zstd_compressor, library), "gzip": _create_gzip_compressor}
    return {"gzip": _create_gzip_compressor}


def _create_zstd_compressor(library: ModuleType) -> Compressor:
    compressor = library.ZstdCompressor()
    # That of ``zstandard`` compresses whole bodies, and creates those for parts.
    return cast(Compressor, compressor.compressobj() if hasattr(compressor, "compressobj") else compressor)


class Compression:
    """The compression of responses. Entity tags name the encoding, since they identify bytes.

    Args:
        encodings: The compressors by content coding, the preferred one first.
    """

    def __init__(self, encodings: Mapping[str, CreateCompressor]) -> None:
        self._encodings = encodings

    def compress(self, answer: ServiceResponse, accept_encoding: str | None) -> ServiceResponse:
        """Return a response with a compressed body, if it is large enough and the client accepts an encoding.

        A body in blocks is compressed while it is sent.

        Args:
            answer: The response.
            accept_encoding: The ``Accept-Encoding`` header of the request.
        """
        is_small = answer.blocks is None and len(answer.body) < SIZE_MIN
        if is_small or answer.headers.get("content-type") != "application/json":
            return answer
        headers = {**answer.headers, "vary": "Accept-Encoding"}
        encoding = self._choose(accept_encoding or "")
        if encoding is None:
            return attrs.evolve(answer, headers=headers)
        headers["content-encoding"] = encoding
        headers.pop("content-length", None)
        if "etag" in headers:
            headers["etag"] = f'{headers["etag"][:-1]}-{encoding}"'
        compressor = self._encodings[encoding]()
        if answer.blocks is not None:
            return attrs.evolve(answer, headers=headers, blocks=_compress_blocks(answer.blocks, compressor))
        return attrs.evolve(
            answer, headers=headers, body=compressor.compress(answer.body) + compressor.flush()
        )

    def _choose(self, accept_encoding: str) -> str | None:
        """Return the first encoding that an ``Accept-Encoding`` header accepts; malformed parts accept nothing."""
        matches = [_ACCEPTED.fullmatch(part) for part in accept_encoding.split(",")]
        weights = {match[1].lower(): float(match[2] or 1) for match in matches if match}
        return next((name for name in self._encodings if weights.get(name, weights.get("*", 0)) > 0), None)


def _compress_blocks(blocks: Iterator[bytes], compressor: Compressor) -> Iterator[bytes]:
    for block in blocks:
        if compressed := compressor.compress(block):
            yield compressed
    yield compressor.flush()


def strip_encoding(tags: str) -> str:
    """Return entity tags without the encodings that ``Compression`` added to them."""
    return _TAG_SUFFIX.sub('"', tags)
