"""Blobs: where the bytes of attachments lie. A folder by default, memory for tests, S3 by URL.

A blob is written before the row that names it and deleted after it, so that no row is ever without its file. What a crash leaves
behind in between is a file without a row; ``sweep`` in ``board/attachments`` finds it.
"""

from __future__ import annotations

import io
import logging
import os
import re
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

import attrs

from stellary.contract.errors import ApiError, StorageFull, Unavailable

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
        self._folder = None if stored_elsewhere else _Folder(_path(url))

    def start(self) -> None:
        """Load the library of a bucket and make its runtime, which is never made again where descriptors are lacking.

        A server calls it before it takes requests. Without it, both happen when the first file is written or read. A
        folder needs neither.

        Raises:
            Unavailable: The process has too few descriptors.
        """
        if self._folder is None and self._url != "memory:":
            from obstore.store import MemoryStore

            self._look_up(MemoryStore())

    def probe(self) -> None:
        """Check that files can be written (a folder) or at least asked for (a bucket), and leave nothing behind.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The store does not answer, or the process has too few descriptors.
        """
        if self._folder is None:
            self._look_up(self._store)
        else:
            with _translate_errors():
                self._folder.probe()

    def _look_up(self, store: ObjectStore) -> None:
        import obstore

        with suppress(FileNotFoundError), _translate_errors(but=FileNotFoundError):
            obstore.head(store, "probe")

    @property
    def _store(self) -> ObjectStore:
        # Opened when it is first needed: the library is large, and many processes never touch a file.
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> ObjectStore:
        from obstore.store import MemoryStore, S3Store

        if self._url == "memory:":
            return MemoryStore()
        return S3Store.from_url(self._url, **self._options)

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        """Write a blob, completely or not at all.

        Args:
            key: The name of the blob; an existing blob is replaced.
            data: The bytes, or a file opened in binary mode, which is read to its end.

        Raises:
            StorageFull: There is no room left.
            Unavailable: The store does not answer.
        """
        with _translate_errors():
            if self._folder is not None:
                self._folder.put(key, data)
            else:
                import obstore

                obstore.put(self._store, key, data)

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, in blocks.

        Args:
            key: The name of the blob.
            start: The index of the first byte.
            end: The index after the last byte.

        Raises:
            FileNotFoundError: There is no such blob.
            Unavailable: The store does not answer.
        """
        if start >= end:
            return
        with _translate_errors(but=FileNotFoundError):
            blocks = self._blocks(key, start, end)
        while True:
            with _translate_errors(but=FileNotFoundError):
                block = next(blocks, None)
            if block is None:
                return
            yield bytes(block)

    def _blocks(self, key: str, start: int, end: int) -> Iterator[Any]:
        if self._folder is not None:
            return self._folder.open(key, start, end)
        import obstore

        result = obstore.get(self._store, key, options={"range": (start, end)})
        return iter(result.stream(min_chunk_size=BLOCK))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs; missing ones are ignored.

        Raises:
            Unavailable: The store does not answer.
        """
        for key in keys:
            # A folder raises for a missing file, S3 does not.
            with suppress(FileNotFoundError), _translate_errors(but=FileNotFoundError):
                if self._folder is not None:
                    self._folder.delete(key)
                else:
                    import obstore

                    obstore.delete(self._store, key)

    def discard(self, key: str) -> None:
        """Delete a blob that no row refers to. If that fails, the sweep deletes it later."""
        try:
            self.delete([key])
        except (Unavailable, StorageFull) as error:
            _log.warning("a file without a row is left to the sweep: %s", error.__cause__)

    def older_than(self, moment: datetime) -> Iterator[list[str]]:
        """Yield the keys of all blobs that were last written before a moment, in batches.

        Raises:
            Unavailable: The store does not answer.
        """
        batch: list[str] = []
        for key, written in self._list_keys():
            if written < moment and _KEY.fullmatch(key):
                batch.append(key)
            if len(batch) == LISTED:
                yield batch
                batch = []
        if batch:
            yield batch

    def _list_keys(self) -> Iterator[tuple[str, datetime]]:
        if self._folder is not None:
            yield from self._folder.list()
            return
        if self._opened is None and self._url == "memory:":
            return
        import obstore

        with _translate_errors():
            batches = obstore.list(self._store, chunk_size=LISTED)
        while True:
            with _translate_errors():
                batch = next(batches, None)
            if batch is None:
                return
            yield from ((entry["path"], entry["last_modified"]) for entry in batch)


def new_key() -> str:
    """Return a random key, spread over 256 folders."""
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name}"


def _path(url: str) -> Path:
    return Path(unquote(url.removeprefix("file://")) if url.startswith("file://") else url)


class _Folder:
    """A store in a folder, without the library: a blob is a file that appears when it is complete and on the disk.

    Args:
        path: The folder, which is created on first use and readable only for its owner.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._durable: set[Path] = set()

    def put(self, key: str, data: bytes | IO[bytes]) -> None:
        file = self._path / key
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
        _sync(file.parent)

    def open(self, key: str, start: int, end: int) -> Iterator[bytes]:
        return self._blocks((self._path / key).open("rb"), start, end)

    def _blocks(self, file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
        with file:
            file.seek(start)
            while start < end and (block := file.read(min(BLOCK, end - start))):
                start += len(block)
                yield block

    def delete(self, key: str) -> None:
        (self._path / key).unlink()

    def list(self) -> Iterator[tuple[str, datetime]]:
        for path in self._path.glob("??/*"):
            try:
                written = path.stat().st_mtime
            except FileNotFoundError:
                continue
            yield path.relative_to(self._path).as_posix(), datetime.fromtimestamp(written, UTC)

    def probe(self) -> None:
        if not self._path.exists():
            _make_durable(self._path)
        with tempfile.TemporaryFile(dir=self._path) as file:
            file.write(b"probe")


def _make_durable(folder: Path) -> None:
    """Make a folder, for its owner alone, and write to the disk that it and those above it that were missing are there."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    # Another thread may have made it just now, and not have written that yet.
    for path in missing or [folder]:
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_errors(but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Raise what goes wrong with a store as an error of the API.

    Args:
        but: An exception that is raised as it is.
    """
    try:
        yield
    except but:
        raise
    except OSError as error:
        raise _to_api_error(error) from error
    except BaseException as error:
        # Of the library, which a folder does not load. A panic of it derives from BaseException, and cannot be imported.
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
