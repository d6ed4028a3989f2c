"""Archives: a project as a ZIP file, with its JSON as ``project.json`` and its attachments below ``files/``.

Attachments are found by their ids in the project's JSON. No name in an archive is ever used as a path on a disk.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NoReturn

import attrs

from stellary.client.calling.form import BLOCK
from stellary.client.errors import UnsuitableFile
from stellary.client.transfer.json_file import parse_json_file, to_list
from stellary.contract.attachments import SIZE_MAX
from stellary.contract.project_imports import FILE_MAX

WHAT = "an archive of a project"
PROJECT = "project.json"
FILES = "files/"
PROJECT_MAX = 4 * FILE_MAX
"""The maximum size of the project's JSON, in bytes: it is read into memory."""
IGNORED_SHOWN = 100
ArchiveFile = str | os.PathLike[str] | bytes | IO[bytes]
_UNDERSTOOD = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


@attrs.frozen
class PackedFile:
    """An attachment, as described by the project's JSON.

    Attributes:
        card: The index of its card in the JSON.
        where: Its path in the JSON, for messages: ``cards[3].attachments[0]``.
        id: Its name in the archive.
        uploader: The name and e-mail address of the uploader.
    """

    card: int
    where: str
    id: str
    name: str
    mime_type: str | None
    size: int
    uploader: tuple[str, str]


class ReadArchive:
    """An archive to import. Opening it reads it to its end, to check that it is complete and undamaged.

    Args:
        file: A path, the bytes, or a file that is open for reading and can be rewound.

    Attributes:
        project: The project's JSON.
        files: The attachments that the JSON lists.
        ignored: The names of all other files in the archive.

    Raises:
        UnsuitableFile: It is not an archive, or it is incomplete or damaged.
        OSError: It cannot be read.
        TypeError: It is not a file.
    """

    def __init__(self, file: ArchiveFile) -> None:
        with _report_damage():
            self._zip = zipfile.ZipFile(_to_zip_source(file))
        try:
            self._members = self._list_members()
            self.project = parse_json_file(self._read_member(PROJECT, PROJECT_MAX), "an exported project")
            self.files = list(list_attachments(self.project))
            self._check_files()
        except BaseException:
            self.close()
            raise
        listed = {PROJECT, *(FILES + file.id for file in self.files)}
        self.ignored = sorted(self._members.keys() - listed)

    def close(self) -> None:
        """Close the archive; a file that the caller has opened stays open."""
        self._zip.close()

    def unpack(self, packed: PackedFile, file: IO[bytes]) -> None:
        """Write an attachment to an open file, and rewind the file.

        Args:
            packed: The attachment.
            file: Open for writing and reading bytes.
        """
        for block in self._iterate_blocks(FILES + packed.id, packed.size):
            file.write(block)
        file.seek(0)

    def _list_members(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            if info.is_dir():
                continue
            if info.filename in members:
                _reject(f"it has two files named {info.filename!r}")
            members[info.filename] = info
        if PROJECT not in members:
            _reject(f"it has no {PROJECT}")
        return members

    def _check_files(self) -> None:
        seen: set[str] = set()
        for file in self.files:
            if file.id in seen:
                _reject(f"{file.where}.id must not be that of another file")
            seen.add(file.id)
            if file.size > SIZE_MAX:
                _reject(f"{file.where} must not be larger than {SIZE_MAX} bytes")
            if FILES + file.id not in self._members:
                _reject(f"{FILES}{file.id} is missing, which is {file.name!r} ({file.where})")
            for _ in self._iterate_blocks(FILES + file.id, file.size):
                pass

    def _read_member(self, name: str, size_max: int) -> bytes:
        size = self._members[name].file_size
        if size > size_max:
            _reject(f"{name} has {size} bytes, and must not have more than {size_max}")
        return b"".join(self._iterate_blocks(name, size))

    def _iterate_blocks(self, name: str, size: int) -> Iterator[bytes]:
        """Yield the bytes of a member, and check its checksum at the end.

        Raises:
            UnsuitableFile: It is damaged, or its size is different.
        """
        info = self._members[name]
        if info.flag_bits & _ENCRYPTED:
            _reject(f"{name} is encrypted")
        if info.compress_type not in _UNDERSTOOD:
            _reject(f"{name} uses an unsupported compression method")
        if info.file_size != size:
            _reject(f"{name} has {info.file_size} bytes, and should have {size}")
        remaining = size
        with _report_damage(name), self._zip.open(info) as member:
            # Read one more byte, so that zipfile reaches the end and verifies the checksum.
            while block := member.read(min(BLOCK, remaining + 1)):
                remaining -= len(block)
                yield block
        if remaining:
            _reject(f"{name} is damaged: its checksum does not match")


def _to_zip_source(file: Any) -> Any:
    if isinstance(file, bytes | bytearray | memoryview):
        return io.BytesIO(file)
    if isinstance(file, str | os.PathLike) or (hasattr(file, "seek") and not isinstance(file, io.TextIOBase)):
        return file
    raise TypeError(
        f"an archive must be a path, bytes or a file that is open for reading bytes, not {type(file).__name__}"
    )


@contextmanager
def _report_damage(name: str = "") -> Iterator[None]:
    """Raise UnsuitableFile in place of the various errors of a damaged archive."""
    try:
        yield
    except zipfile.BadZipFile as error:
        _reject(f"{name} is damaged: {error}" if name else "it is not a ZIP file, or it is damaged")
    except (zlib.error, EOFError, RuntimeError, ValueError, struct.error) as error:
        _reject(f"{name or 'it'} is damaged: {error}")


def _reject(reason: str) -> NoReturn:
    raise UnsuitableFile(f"this is not {WHAT}: {reason}") from None


# ---------------------------------------------------------------------------------------------- attachments
# in the project's JSON


def list_attachments(project: Mapping[str, Any]) -> Iterator[PackedFile]:
    """Yield the attachments that a project's JSON lists. Other mistakes in the JSON are left to the import to report."""
    for position, card in enumerate(to_list(project.get("cards"))):
        for index, attachment in enumerate(
            to_list(card.get("attachments") if isinstance(card, dict) else None)
        ):
            where = f"cards[{position}].attachments[{index}]"
            id, size = (
                (attachment.get("id"), attachment.get("size"))
                if isinstance(attachment, dict)
                else (None, None)
            )
            if not isinstance(id, str):
                _reject(f"{where}.id must be the name of a file")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                _reject(f"{where}.size must be its number of bytes")
            uploader = attachment.get("uploadedBy")
            uploader = uploader if isinstance(uploader, dict) else {}
            yield PackedFile(
                card=position,
                where=where,
                id=id,
                name=_to_text(attachment.get("originalName")) or "file",
                mime_type=_to_mime_type(attachment.get("mimeType")),
                size=size,
                uploader=(_to_text(uploader.get("name")), _to_text(uploader.get("email"))),
            )


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _to_mime_type(value: Any) -> str | None:
    """Return a MIME type that is valid in a header, or None."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None
