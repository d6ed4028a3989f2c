"""Uploads: a form with one file, parsed and counted block by block.

This module does no I/O on the network: the server, or a port in this process, passes in the bytes.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import FieldProblem, Invalid, TooLarge, UnsupportedMedia

if TYPE_CHECKING:
    from multipart import MultipartSegment

FIELD = "file"
FORM_MAX = SIZE_MAX + 64 * 1024
"""The maximum size of the whole form in bytes: the file, and the parts of the form around it."""
IN_MEMORY = 256 * 1024
_BOUNDARY_MAX = 200
_HEADER_MAX = 8 * 1024
_LONG_NAME = re.compile(r";\s*filename\*\s*=\s*\"?utf-8'[^']*'([^;\"\s]*)", re.IGNORECASE)


class Upload:
    """A form that is being received. Its file is kept in memory while it is small, and then in a temporary file.

    Args:
        content_type: The content type of the request, with the boundary.

    Attributes:
        name, mime_type: As given by the uploader.
        size: In bytes.
        file: The file, rewound to its beginning by ``finish``.

    Raises:
        UnsupportedMedia: The content type is not ``multipart/form-data``.
        Invalid: The boundary is missing or not valid.
    """

    def __init__(self, content_type: str) -> None:
        # Imported here, since most processes never receive a form.
        from multipart import PushMultipartParser, parse_options_header

        media, options = parse_options_header(content_type)
        if media != "multipart/form-data":
            raise UnsupportedMedia(f"Content-Type must be multipart/form-data with the field {FIELD}")
        boundary = options.get("boundary", "")
        if not re.fullmatch(r"[\x20-\x7e]+", boundary) or len(boundary) > _BOUNDARY_MAX:
            raise Invalid("Content-Type must name the boundary of the form")
        # Any bytes in a header can be decoded as Latin-1; names are decoded as UTF-8 later.
        self._parser = PushMultipartParser(boundary, header_charset="latin-1", max_header_size=_HEADER_MAX)
        self._received = 0
        self._digest = hashlib.sha256()
        self.name: str | None = None
        self.mime_type: str | None = None
        self.size = 0
        self.file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by ``close``

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        """Delete the file."""
        self.file.close()

    def feed(self, block: bytes) -> None:
        """Process the next bytes of the body.

        Raises:
            TooLarge: The file or the form exceeds its maximum size.
            Invalid: The body is not a valid form with exactly one field, which is a file.
            OSError: The disk is full.
        """
        self._received += len(block)
        if self._received > FORM_MAX:
            raise too_large()
        # The parser would treat empty data as the end of the body.
        if block:
            with _translate_errors():
                for event in self._parser.parse(block):
                    self._take(event)

    def feed_all(self, blocks: Iterable[bytes]) -> None:
        """Process the whole body, in blocks."""
        for block in blocks:
            self.feed(block)

    def finish(self) -> None:
        """Finish parsing, after the last bytes of the body.

        Raises:
            Invalid: The form is incomplete, or has no file.
        """
        with _translate_errors():
            self._parser.close()
        if self.name is None:
            raise _wrong("is missing: the form has no file")
        self.file.seek(0)

    def _take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if event is None:
            return
        if isinstance(event, bytes | bytearray):
            self.size += len(event)
            if self.size > SIZE_MAX:
                raise too_large()
            self._digest.update(event)
            self.file.write(event)
            return
        name = _utf8(event.name or "")
        if name != FIELD:
            raise Invalid(
                f"{name[:100] or 'a field without a name'} is not a field of this form",
                details=[FieldProblem(name[:100], "is not a field of this form")],
            )
        if self.name is not None:
            raise _wrong("must be one file, not several")
        file_name = _file_name(event)
        if not file_name:
            raise _wrong("must be a file: its part has no file name")
        self.name, self.mime_type = file_name, event.content_type


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise the errors of the parser as ``Invalid``."""
    from multipart import MultipartError

    try:
        yield
    except MultipartError as error:
        raise Invalid(f"the form cannot be read: {error}", code="broken_form") from None


def too_large() -> TooLarge:
    """Return the error for a file that exceeds the maximum size."""
    return TooLarge(f"a file must not be larger than {SIZE_MAX} bytes")


def _wrong(what: str) -> Invalid:
    return Invalid(f"{FIELD} {what}", details=[FieldProblem(FIELD, what)])


def _file_name(segment: MultipartSegment) -> str:
    # RFC 7578 has no filename*, but some clients send names that are not ASCII only in it.
    disposition = next((text for name, text in segment.headerlist if name == "Content-Disposition"), "")
    match = _LONG_NAME.search(disposition)
    if match is not None:
        return unquote(match[1], errors="replace")
    return _utf8(segment.filename or "")


def _utf8(text: str) -> str:
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
