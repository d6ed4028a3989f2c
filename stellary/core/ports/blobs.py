"""The port for the bytes of attachments: folders, memory, S3 and stores of a host application.

A blob is written before the row that refers to it, and deleted after that row. A crash in between leaves a blob without a
row, which ``Core.sweep`` deletes.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Protocol

import attrs

from stellary.contract.errors import StorageFull, Unavailable

_log = logging.getLogger("stellary.core")
# A process that dies while it writes a file into a folder leaves a name with ``#`` and a number.
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(#[0-9]+)?")


@attrs.frozen
class StoredFile:
    """A file whose bytes are in the store.

    Attributes:
        key: The key of the blob.
        name: The file name.
        mime_type: The media type; until the row exists, the one that the uploader sent.
        size: The size in bytes.
        sha256: The SHA-256 of the bytes, in hex.
    """

    key: str
    name: str
    mime_type: str | None
    size: int
    sha256: str


class Blobs(Protocol):
    """A store of blobs by key.

    ``stellary.core.ports.blob_stores`` has implementations for folders, memory and S3. Pass your own as ``Core(blobs=…)``.
    All methods may be called from several threads at a time. Raise ``Unavailable`` if the store does not answer, and
    ``StorageFull`` if it has no room: callers get a 503 or a 507.

    Keys look like ``3f/3f…``: two hexadecimal digits, a slash, and 32 digits. A key is written once.
    """

    def start(self) -> None:
        """Allocate what the store needs to work. A server calls this before it accepts requests."""

    def probe(self) -> None:
        """Check that the store is available, and leave nothing behind. Readiness checks call this."""

    def put(self, key: str, data: bytes | IO[bytes], /) -> None:
        """Write a blob, completely or not at all; when this returns, the blob must survive a power cut.

        Args:
            key: The key; an existing blob is replaced.
            data: The bytes, or a file opened in binary mode, to be read to its end.
        """

    def read(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        """Return an iterator over the bytes from ``start`` up to ``end``, in blocks.

        Args:
            key: The key.
            start: The index of the first byte.
            end: The index after the last byte.

        Raises:
            FileNotFoundError: The blob does not exist.
        """
        ...

    def delete(self, keys: Iterable[str], /) -> None:
        """Delete blobs; missing ones are ignored."""

    def older_than(self, moment: datetime, /) -> Iterator[str]:
        """Yield the keys that were last written before a moment. Names that are no keys are ignored by the caller."""
        ...


def new_key() -> str:
    """Return a random key, spread over 256 folders."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"


def is_key(name: str) -> bool:
    """Return whether a name in a store is that of a blob, or of a blob that a process had not finished writing."""
    return _KEY.fullmatch(name) is not None


def discard(blobs: Blobs, key: str) -> None:
    """Delete a blob that no row refers to. If that fails, the sweep deletes it later.

    Args:
        blobs: The store.
        key: The key of the blob.
    """
    try:
        blobs.delete([key])
    except (Unavailable, StorageFull) as error:
        _log.warning("a file without a row is left to the sweep: %s", error.__cause__ or error)
