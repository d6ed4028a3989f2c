"""Blobs: where the bytes of attachments lie. A folder by default, memory for tests, S3 by URL.

A blob is written before the row that names it and deleted after it, so that no row is ever without its file. What a crash leaves
behind in between is a file without a row; ``sweep`` in ``board/attachments`` finds it.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

import attrs

from stellary.contract.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_log = logging.getLogger("stellary.core")
BLOCK = 64 * 1024
LISTED = 500
# Nothing else in a folder or a bucket is ours, and what is not ours is never listed, so that it is never swept. A folder
# may hold what a process that died had not finished writing.
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(#[0-9]+)?")


@attrs.frozen
class StoredFile:
    """A file whose bytes are in the store.

    Attributes:
        key: Of the blob.
        name, mime_type: As its uploader said, until a row holds them.
        size: In bytes.
        sha256: Of the bytes, in hex.
    """

    key: str
    name: str
    mime_type: str | None
    size: int
    sha256: str


class Blobs:
    """A store of blobs by random keys.

    Args:
        url: A folder (``./stellary-data/files`` or ``file:///…``), ``memory:``, or ``s3://bucket/prefix``.
        options: Passed to the S3 store: ``endpoint``, ``access_key_id``, ``region`` …; without them the environment
            speaks (``AWS_…``).
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self._opened: ObjectStore | None = None
        stored_elsewhere = url == "memory:" or url.startswith("s3://")
        self._folder = None if stored_elsewhere else _path(url)

    @property
    def _store(self) -> ObjectStore:
        # Opened when it is first needed: the library is large, and many processes never touch a file.
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> ObjectStore:
        from obstore.store import LocalStore, MemoryStore, S3Store

        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(str(self._folder.resolve()))
        if self._url == "memory:":
            return MemoryStore()
        return S3Store.from_url(self._url, **self._options)

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Write a blob, whole or not at all.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The store does not answer.
        """
        import obstore

        try:
            obstore.put(self._store, key, data)
            if self._folder is not None:
                # The row that will name it survives a power cut: so must the file.
                _sync(self._folder / key)
                _sync((self._folder / key).parent)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _told(error) from error

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end``, in blocks.

        Raises:
            FileNotFoundError: There is no such blob.
            Unavailable: The store does not answer.
        """
        import obstore

        if start >= end:
            return
        try:
            found = obstore.get(self._store, key, options={"range": (start, end)})
            for block in found.stream(min_chunk_size=BLOCK):
                yield bytes(block)
        except FileNotFoundError:
            raise
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _told(error) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs; one that is not there is no error.

        Raises:
            Unavailable: The store does not answer.
        """
        import obstore

        for key in keys:
            # A folder raises for a missing file, S3 does not.
            try:
                if self._folder is not None and "#" in key:
                    (self._folder / key).unlink()
                else:
                    obstore.delete(self._store, key)
            except FileNotFoundError:
                continue
            except (OSError, obstore.exceptions.BaseError) as error:
                raise _told(error) from error

    def discard(self, key: str) -> None:
        """Delete a blob that nothing names any more. Should that fail, it is left to the sweep."""
        try:
            self.delete([key])
        except (Unavailable, StorageFull) as error:
            _log.warning("a file without a row is left to the sweep: %s", error.__cause__)

    def older_than(self, moment: datetime) -> Iterator[list[str]]:
        """The keys of all blobs that were last written before that moment, in batches.

        Raises:
            Unavailable: The store does not answer.
        """
        batch: list[str] = []
        for key, written in self._listed():
            if written < moment and _KEY.fullmatch(key):
                batch.append(key)
            if len(batch) == LISTED:
                yield batch
                batch = []
        if batch:
            yield batch

    def _listed(self) -> Iterator[tuple[str, datetime]]:
        if self._folder is not None:
            yield from _in_folder(self._folder)
            return
        if self._opened is None and self._url == "memory:":
            return
        import obstore

        try:
            for batch in obstore.list(self._store, chunk_size=LISTED):
                yield from ((found["path"], found["last_modified"]) for found in batch)
        except (OSError, obstore.exceptions.BaseError) as error:
            raise _told(error) from error


def new_key() -> str:
    """A random key, spread over 256 folders; it says nothing of what it holds."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"


def _path(url: str) -> Path:
    return Path(unquote(url.removeprefix("file://")) if url.startswith("file://") else url)


def _in_folder(folder: Path) -> Iterator[tuple[str, datetime]]:
    # Not by the library, which hides what a process that died had not finished; and it stays unloaded where there is
    # nothing to list.
    for path in folder.glob("??/*"):
        try:
            written = path.stat().st_mtime
        except FileNotFoundError:
            continue
        yield path.relative_to(folder).as_posix(), datetime.fromtimestamp(written, UTC)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: Exception) -> Exception:
    if "No space left" in str(error) or "QuotaExceeded" in str(error):
        return StorageFull("the file store of the server is full")
    return Unavailable("the file store is not available; try again", retry_after=5)
