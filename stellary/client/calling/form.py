"""Forms: a file as the body of a request, block by block, and anew for each attempt."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import StellaryError, TooLarge

BLOCK = 64 * 1024
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
ReportProgress = Callable[[int, int], object]
"""Called with how much has been done, and how much there is; again with a smaller number when something is sent again after a
failure. With AsyncStellary it is called in another thread."""


class Form:
    """A form with one file, which is read from where it stood when the form was made.

    Args:
        source: A path, the bytes themselves, or a file that is open for reading bytes. One that cannot be rewound is
            read at once.
        name: What it shall be called; by default as the path or the open file is.
        mime_type: By default what the name says.
        progress: Called after each block with the number of bytes sent, and of all.

    Raises:
        TooLarge: It is larger than a file may be.
        TypeError: It is none of these, or has no name of its own and was given none.
        OSError: It cannot be read.
    """

    def __init__(
        self, source: Source, name: str | None, mime_type: str | None, progress: ReportProgress | None
    ) -> None:
        if isinstance(source, io.TextIOBase):
            raise TypeError("a file must be opened for reading bytes: open(path, 'rb')")
        self._progress = progress
        self._open, self._start, self.size = _opening(source)
        if self.size > SIZE_MAX:
            raise TooLarge(f"a file must not be larger than {SIZE_MAX} bytes, and this one has {self.size}")
        name = name or _name_of(source)
        boundary = os.urandom(16).hex()
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; {_called(name)}\r\n'
            f"Content-Type: {_header(mime_type or _guessed(name))}\r\n\r\n"
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


def _opening(source: Any) -> tuple[Callable[[], AbstractContextManager[IO[bytes]]], int, int]:
    """How to open it, where it begins, and how many bytes it has."""
    if isinstance(source, str | os.PathLike):
        return lambda: open(source, "rb"), 0, os.stat(source).st_size  # noqa: PTH116, PTH123 - of any kind of path
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return lambda: io.BytesIO(data), 0, len(data)
    if not hasattr(source, "read"):
        raise TypeError(f"a file must be a path, bytes or an open file, not {type(source).__name__}")
    if not source.seekable():
        return _opening(source.read(SIZE_MAX + 1))
    start = source.tell()
    end = source.seek(0, os.SEEK_END)
    source.seek(start)
    # It is the caller's, and stays open.
    return lambda: nullcontext(source), start, max(0, end - start)


def _name_of(source: Any) -> str:
    found = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    # An open file that has no path has a number for a name.
    if not isinstance(found, str | os.PathLike):
        raise TypeError("upload() needs a name for what has none of its own: upload(data, name='notes.txt')")
    return os.path.basename(os.fspath(found)) or "file"  # noqa: PTH119 - of any kind of path


def _guessed(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name.replace(":", "_"))[0] or "application/octet-stream"


def _called(name: str) -> str:
    """As browsers say it; what they cannot say so that it is read as it was, first in another way as well."""
    quoted = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    plain = f'filename="{quoted}"'
    if "%" not in name and "*" not in name:
        return plain
    from urllib.parse import quote

    return f"filename*=utf-8''{quote(name, safe='', errors='replace')}; {plain}"


def _header(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"this cannot be the type of a file: {text!r}")
    return text
