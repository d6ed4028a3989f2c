"""Stores of blobs: a folder, memory, and S3."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from stellary.contract.errors import ApiError, StorageFull, Unavailable
from stellary.core.ports.blobs import Blobs

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BLOCK = 64 * 1024
LISTED = 500
MEMORY = "memory:"
"""The URL of a store in the memory of the process."""


def open_blobs(url: str, **options: Any) -> Blobs:
    """Return the store at a URL. Nothing is created or contacted before it is used.

    Args:
        url: A folder (``./stellary-data/files`` or ``file:///…``), ``memory:``, or ``s3://bucket/prefix``.
        **options: Passed to the S3 store: ``endpoint``, ``access_key_id``, ``region`` …; by default the environment
            variables ``AWS_…`` apply.
    """
    if url == MEMORY or url.startswith("s3://"):
        return ObjectStoreBlobs(url, **options)
    return FolderBlobs(Path(unquote(url.removeprefix("file://")) if url.startswith("file://") else url))


class ObjectStoreBlobs:
    """A store in memory or in an S3 bucket, through the library obstore.

    Args:
        url: ``memory:`` or ``s3://bucket/prefix``.
        **options: Passed to the S3 store.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self._opened: ObjectStore | None = None

    @property
    def _store(self) -> ObjectStore:
        # Opened on first use: the library is large, and many processes never touch a file.
        if self._opened is None:
            from obstore.store import MemoryStore, S3Store

            is_memory = self._url == MEMORY
            self._opened = MemoryStore() if is_memory else S3Store.from_url(self._url, **self._options)
        return self._opened

    def start(self) -> None:
        """Load the library of a bucket, and start its runtime. A runtime that lacked descriptors cannot be started again.

        Raises:
            Unavailable: The process has too few descriptors.
        """
        if self._url != MEMORY:
            from obstore.store import MemoryStore

            _look_up(MemoryStore())

    def probe(self) -> None:
        """Check that the bucket answers.

        Raises:
            Unavailable: It does not, or the process has too few descriptors.
        """
        _look_up(self._store)

    def put(self, key: str, data: bytes | IO[bytes], /) -> None:
        """Write a blob, completely or not at all.

        Args:
            key: The key; an existing blob is replaced.
            data: The bytes, or a file opened in binary mode.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The store does not answer.
        """
        import obstore

        with _translate_errors():
            obstore.put(self._store, key, data)

    def read(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, in blocks.

        Args:
            key: The key.
            start: The index of the first byte.
            end: The index after the last byte.

        Raises:
            FileNotFoundError: There is no such blob.
            Unavailable: The store does not answer.
        """
        if start >= end:
            return
        import obstore

        with _translate_errors(but=FileNotFoundError):
            result = obstore.get(self._store, key, options={"range": (start, end)})
            blocks = iter(result.stream(min_chunk_size=BLOCK))
        while True:
            with _translate_errors(but=FileNotFoundError):
                block = next(blocks, None)
            if block is None:
                return
            yield bytes(block)

    def delete(self, keys: Iterable[str], /) -> None:
        """Delete blobs; missing ones are ignored.

        Raises:
            Unavailable: The store does not answer.
        """
        import obstore

        for key in keys:
            # S3 does not report missing blobs, memory does.
            with suppress(FileNotFoundError), _translate_errors(but=FileNotFoundError):
                obstore.delete(self._store, key)

    def older_than(self, moment: datetime, /) -> Iterator[str]:
        """Yield the names that were last written before a moment.

        Raises:
            Unavailable: The store does not answer.
        """
        if self._opened is None and self._url == MEMORY:
            return
        import obstore

        with _translate_errors():
            batches = obstore.list(self._store, chunk_size=LISTED)
        while True:
            with _translate_errors():
                batch = next(batches, None)
            if batch is None:
                return
            yield from (entry["path"] for entry in batch if entry["last_modified"] < moment)


def _look_up(store: ObjectStore) -> None:
    import obstore

    with suppress(FileNotFoundError), _translate_errors(but=FileNotFoundError):
        obstore.head(store, "probe")


class FolderBlobs:
    """A store in a folder: a blob is a file that appears when it is complete and on the disk.

    Args:
        path: The folder, which is created on first use and readable only for its owner.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._durable: set[Path] = set()

    def start(self) -> None:
        """Do nothing: a folder needs no preparation."""

    def probe(self) -> None:
        """Check that files can be written, and leave nothing behind.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The folder cannot be written.
        """
        with _translate_errors():
            if not self._path.exists():
                _make_durable(self._path)
            with tempfile.TemporaryFile(dir=self._path) as file:
                file.write(b"probe")

    def put(self, key: str, data: bytes | IO[bytes], /) -> None:
        """Write a blob, completely or not at all.

        Args:
            key: The key; an existing blob is replaced.
            data: The bytes, or a file opened in binary mode.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The folder cannot be written.
        """
        with _translate_errors():
            self._put(self._path / key, data)

    def _put(self, file: Path, data: bytes | IO[bytes]) -> None:
        # The row that refers to the file survives a power cut, so the file and its folder must as well.
        if file.parent not in self._durable:
            _make_durable(file.parent)
            self._durable.add(file.parent)
        # By this name the sweep finds the unfinished file of a process that was killed.
        unfinished = file.with_name(f"{file.name}#{secrets.randbelow(10**9)}")
        try:
            with unfinished.open("xb") as target:
                shutil.copyfileobj(io.BytesIO(data) if isinstance(data, bytes) else data, target, BLOCK)
                target.flush()
                os.fsync(target.fileno())
            unfinished.rename(file)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        flush_to_disk(file.parent)

    def read(self, key: str, start: int, end: int, /) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, in blocks.

        Args:
            key: The key.
            start: The index of the first byte.
            end: The index after the last byte.

        Raises:
            FileNotFoundError: There is no such blob.
            Unavailable: The file cannot be read.
        """
        if start >= end:
            return
        with _translate_errors(but=FileNotFoundError):
            file = (self._path / key).open("rb")
        with file:
            file.seek(start)
            while start < end:
                with _translate_errors():
                    block = file.read(min(BLOCK, end - start))
                if not block:
                    return
                start += len(block)
                yield block

    def delete(self, keys: Iterable[str], /) -> None:
        """Delete blobs; missing ones are ignored.

        Raises:
            Unavailable: The folder cannot be written.
        """
        for key in keys:
            with _translate_errors():
                (self._path / key).unlink(missing_ok=True)

    def older_than(self, moment: datetime, /) -> Iterator[str]:
        """Yield the names of files that were last written before a moment."""
        for path in self._path.glob("??/*"):
            try:
                written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            if written < moment:
                yield path.relative_to(self._path).as_posix()


def _make_durable(folder: Path) -> None:
    """Create a folder for its owner only, and write it and its missing parents to the disk."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    # Another thread may have created it just now, without having written that to the disk yet.
    for path in missing or [folder]:
        flush_to_disk(path.parent)


def flush_to_disk(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_errors(but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Raise the errors of a store as errors of the API.

    Args:
        but: An exception that is raised unchanged.
    """
    try:
        yield
    except but:
        raise
    except OSError as error:
        raise _to_api_error(error) from error
    except BaseException as error:
        # Errors of obstore, which folders do not load. Its panics derive from BaseException and cannot be imported.
        library = sys.modules.get("obstore.exceptions")
        if type(error).__name__ != "PanicException" and not (
            library is not None and isinstance(error, library.BaseError)
        ):
            raise
        raise _to_api_error(error) from error


def _to_api_error(error: BaseException) -> ApiError:
    if "No space left" in str(error) or "QuotaExceeded" in str(error):
        return StorageFull("the file store of the server is full")
    return Unavailable("the file store is not available; try again", retry_after=5)
