"""Forms: a file as the body of a request, read block by block, and from its start for each attempt."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from stellary.client.errors import check_type
from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import StellaryError, TooLarge

BLOCK = 64 * 1024
FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
ReportProgress = Callable[[int, int], object]
"""Called with the amount done and the total. A retry starts over with a smaller amount.
With AsyncStellary it is called in another thread."""


class Form:
    """A multipart form with one file, which is read from its position when the form was created.

    Args:
        source: A path, bytes, or a file open for reading bytes. A file that cannot be rewound is read completely.
        name: The file name to send; by default the name of the path or the open file.
        mime_type: By default guessed from the name.
        progress: Called after each block with the number of bytes sent and the total.

    Raises:
        TooLarge: The file exceeds the size limit.
        TypeError: The source is none of these, or has no name and none was given.
        OSError: The file cannot be read.
    """

    def __init__(
        self, source: FileSource, name: str | None, mime_type: str | None, progress: ReportProgress | None
    ) -> None:
        if isinstance(source, io.TextIOBase):
            raise TypeError("a file must be opened for reading bytes: open(path, 'rb')")
        self._progress = progress
        self._open, self._start, self.size = _inspect_source(source)
        if self.size > SIZE_MAX:
            raise TooLarge(f"a file must not be larger than {SIZE_MAX} bytes, and this one has {self.size}")
        name = name or _name_of(source)
        boundary = os.urandom(16).hex()
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; {_filename_parameter(name)}\r\n'
            f"Content-Type: {_check_mime_type(mime_type or _guess_mime_type(name))}\r\n\r\n"
        ).encode("utf-8", "replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.length = len(self._head) + self.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        sent = 0
        with self._open() as file:
            file.seek(self._start)
            while sent < self.size:
                block = file.read(min(BLOCK, self.size - sent))
                if not block:
                    raise StellaryError("the file has become shorter while it was sent")
                yield block
                sent += len(block)
                if self._progress is not None:
                    self._progress(sent, self.size)
        yield self._tail


def _inspect_source(source: Any) -> tuple[Callable[[], AbstractContextManager[IO[bytes]]], int, int]:
    """Return a function that opens the source, the offset at which it starts, and its size in bytes."""
    if isinstance(source, str | os.PathLike):
        return lambda: open(source, "rb"), 0, os.stat(source).st_size  # noqa: PTH116, PTH123 - of any kind of path
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return lambda: io.BytesIO(data), 0, len(data)
    if not hasattr(source, "read"):
        raise TypeError(f"a file must be a path, bytes or an open file, not {type(source).__name__}")
    if not source.seekable():
        return _inspect_source(source.read(SIZE_MAX + 1))
    start = source.tell()
    end = source.seek(0, os.SEEK_END)
    source.seek(start)
    # The file belongs to the caller, so it is not closed.
    return lambda: nullcontext(source), start, max(0, end - start)


def _name_of(source: Any) -> str:
    name = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    # The name of an open file without a path is a number.
    if not isinstance(name, str | os.PathLike):
        raise TypeError("upload() needs a name if the source has none: upload(data, name='notes.txt')")
    return os.path.basename(os.fspath(name)) or "file"  # noqa: PTH119 - of any kind of path


def _guess_mime_type(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name.replace(":", "_"))[0] or "application/octet-stream"


def _filename_parameter(name: str) -> str:
    """Return the ``filename`` parameter as browsers write it, preceded by ``filename*`` if quoting would change the name."""
    check_type("name", name, str)
    quoted = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    plain = f'filename="{quoted}"'
    if "%" not in name and "*" not in name:
        return plain
    from urllib.parse import quote

    return f"filename*=utf-8''{quote(name, safe='', errors='replace')}; {plain}"


def _check_mime_type(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"this is not a MIME type: {text!r}")
    return text
