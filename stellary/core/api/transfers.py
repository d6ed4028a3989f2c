"""Large responses: file downloads, whole or a byte range, of which browsers display only images; and large JSON."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import IO
from urllib.parse import quote

import attrs

from stellary.contract.errors import NotFound, RangeNotSatisfiable
from stellary.contract.port import RawResponse
from stellary.core.ports.blobs import Blobs, StoredFile

IN_MEMORY = 1024 * 1024
"""The maximum size of JSON in parts that is kept in memory, in bytes."""
_BLOCK = 256 * 1024

_RANGE = re.compile(r"bytes\s*+=\s*+([0-9]{0,18})\s*+-\s*+([0-9]{0,18})", re.IGNORECASE)
# The characters that a quoted file name may contain, for clients that do not support RFC 5987.
_PLAIN = re.compile(r"[A-Za-z0-9 !#$&'()+,.;=@\[\]^_`{}~-]*")
_IMAGES = frozenset({"image/avif", "image/gif", "image/jpeg", "image/png", "image/webp"})
"""The types that browsers may display: nothing in such a file runs. SVG is not among them, since it may hold scripts."""
_ALWAYS = {
    "accept-ranges": "bytes",
    # An uploaded HTML file must not run with the rights of this site.
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    # Clients may cache it but must revalidate, so that users who have lost access do not get it.
    "cache-control": "private, no-cache",
}


def build_file_response(blobs: Blobs, file: StoredFile, request_headers: Mapping[str, str]) -> RawResponse:
    """Return the response that contains a file. Its blocks are not read yet.

    Args:
        blobs: The store of the file.
        file: The file.
        request_headers: The headers of the request, of which ``range``, ``if-range`` and ``if-none-match`` matter.

    Raises:
        RangeNotSatisfiable: The range starts beyond the end of the file.
    """
    tag = f'"{file.sha256}"'
    headers = {**_ALWAYS, "etag": tag}
    if matches_tag(request_headers.get("if-none-match", ""), tag):
        return RawResponse(304, headers)
    headers["content-type"] = file.mime_type or "application/octet-stream"
    headers["content-disposition"] = disposition(file.name, is_image=file.mime_type in _IMAGES)
    is_same = request_headers.get("if-range", tag).strip() == tag
    part = _part(request_headers.get("range", ""), file.size) if is_same else None
    start, end = part or (0, file.size)
    headers["content-length"] = str(end - start)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.size}"
    return RawResponse(206 if part else 200, headers, blocks=blobs.read(file.key, start, end))


def build_json_response(status: int, headers: Mapping[str, str], parts: Iterable[bytes]) -> RawResponse:
    """Return a response with JSON, in memory if it is small and else in a temporary file, which is deleted once it is read.

    All parts are written before the response begins, so that an error becomes an error response, and that no transaction
    waits for the client.

    Args:
        status: The status.
        headers: The headers.
        parts: The parts of the JSON.
    """
    in_memory: list[bytes] = []
    size = 0
    following = iter(parts)
    for part in following:
        in_memory.append(part)
        size += len(part)
        if size > IN_MEMORY:
            return _build_from_file(status, headers, chain(in_memory, following))
    return RawResponse(status, headers, b"".join(in_memory))


def _build_from_file(status: int, headers: Mapping[str, str], parts: Iterable[bytes]) -> RawResponse:
    """Return a response whose body is in a temporary file."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the reader of the blocks
    try:
        for part in parts:
            file.write(part)
        size = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return RawResponse(status, {**headers, "content-length": str(size)}, blocks=_read_blocks(file))


def _read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


def open_body(response: RawResponse) -> RawResponse:
    """Return a response with its first block read, so that a missing file becomes an error status.

    Raises:
        NotFound: The file has been deleted in the meantime.
        Unavailable: The store does not answer.
    """
    if response.blocks is None:
        return response
    try:
        first = next(response.blocks, b"")
    except FileNotFoundError:
        raise NotFound("Attachment not found") from None
    return attrs.evolve(response, blocks=chain((first,), response.blocks))


def disposition(name: str, *, is_image: bool = False) -> str:
    """Return a ``Content-Disposition`` by RFC 6266: an attachment, or inline for an image.

    Args:
        name: The name of the file.
        is_image: Whether browsers may display the file.
    """
    kind = "inline" if is_image else "attachment"
    if _PLAIN.fullmatch(name):
        return f'{kind}; filename="{name}"'
    plain = "".join(letter if _PLAIN.fullmatch(letter) else "_" for letter in name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def matches_tag(header: str, tag: str) -> bool:
    """Return whether an ``If-None-Match`` header matches an entity tag, also as a weak one.

    Args:
        header: The header.
        tag: The current tag, in quotes.
    """
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in header.split(",") if part.strip())


def _part(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes that a ``Range`` header requests; None for all of them, also if the header is not a single range.

    Raises:
        RangeNotSatisfiable: The file has no such bytes.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or size == 0 or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        error = RangeNotSatisfiable(f"the file has {size} bytes")
        error.headers["Content-Range"] = f"bytes */{size}"
        raise error
    return start, end
