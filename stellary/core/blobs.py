"""Blobs: where the bytes of attachments lie. A folder by default, memory for tests, S3 by URL.

A blob is written before the row that names it and deleted after it, so that no row is ever without its file. What a crash leaves
behind in between is a file without a row; ``sweep`` in ``board/attachments`` finds it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stellary.contract.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BLOCK = 64 * 1024


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

    @property
    def _store(self) -> ObjectStore:
        # Opened when it is first needed: the library is large, and many processes never touch a file.
        if self._opened is None:
            self._opened = _open(self._url, self._options)
        return self._opened

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Write a blob, whole or not at all.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The store does not answer.
        """
        import obstore

        try:
            obstore.put(self._store, key, data)
        except OSError as error:
            raise _told(error) from error
        except obstore.exceptions.BaseError as error:
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
        """Delete blobs; one that is not there is no error."""
        import obstore

        for key in keys:
            # A folder raises for a missing file, S3 does not.
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError:
                continue
            except (OSError, obstore.exceptions.BaseError) as error:
                raise _told(error) from error

    def older_than(self, moment: datetime) -> Iterator[list[str]]:
        """The keys of all blobs that were last written before that moment, in batches."""
        import obstore

        for batch in obstore.list(self._store, chunk_size=500):
            yield [found["path"] for found in batch if found["last_modified"] < moment]


def new_key() -> str:
    """A random key, spread over 256 folders; it says nothing of what it holds."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"


def _open(url: str, options: dict[str, Any]) -> ObjectStore:
    from obstore.store import LocalStore, MemoryStore, S3Store

    if url == "memory:":
        return MemoryStore()
    if url.startswith("s3://"):
        return S3Store.from_url(url, **options)
    folder = Path(url.removeprefix("file://"))
    folder.mkdir(parents=True, exist_ok=True)
    return LocalStore(str(folder.resolve()))


def _told(error: Exception) -> Exception:
    if "No space left" in str(error) or "QuotaExceeded" in str(error):
        return StorageFull("the file store of the server is full")
    return Unavailable("the file store is not available; try again", retry_after=5)
