"""Archives: a project as a ZIP file, with its JSON as ``project.json`` and the bytes of its attachments below ``files/``.

Files are found by the ids that the project's JSON gives them, and are only ever read: nothing that an archive says becomes
a path on a disk.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NoReturn, Self

import attrs

from stellary.client.calling.form import BLOCK
from stellary.client.errors import UnsuitableFile
from stellary.client.transfer.json_file import parsed
from stellary.contract.attachments import SIZE_MAX
from stellary.contract.project_imports import FILE_MAX

WHAT = "an archive of a project"
PROJECT = "project.json"
FILES = "files/"
IGNORED_SHOWN = 100
ArchiveFile = str | os.PathLike[str] | bytes | IO[bytes]
_UNDERSTOOD = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


@attrs.frozen
class PackedFile:
    """An attachment, as the project's JSON tells of it.

    Attributes:
        card: The place of its card among the file's.
        where: For messages: ``cards[3].attachments[0]``.
        id: What it is called in the archive.
        uploader: Name and e-mail address of whoever had uploaded it.
    """

    card: int
    where: str
    id: str
    name: str
    mime_type: str | None
    size: int
    uploader: tuple[str, str]


class WrittenArchive:
    """An archive that is being written.

    Args:
        file: Empty, and open for writing bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def project(self, data: bytes) -> None:
        """Write the project's JSON."""
        self._zip.writestr(zipfile.ZipInfo(PROJECT), data, zipfile.ZIP_DEFLATED)

    @contextmanager
    def file(self, id: str) -> Iterator[IO[bytes]]:
        """What the bytes of a file are written to. They are kept as they are: most files are packed already."""
        with self._zip.open(zipfile.ZipInfo(FILES + id), "w") as member:
            yield member


class ReadArchive:
    """An archive to import, which has been read to its end once: it is whole, and has all that its project names.

    Args:
        file: A path, the bytes, or a file that is open for reading and can be rewound.

    Attributes:
        project: The project's JSON.
        files: Those that belong to it.
        ignored: What else is in the archive.

    Raises:
        UnsuitableFile: It is no archive, or not a whole one.
        OSError: It cannot be read.
        TypeError: It is no file.
    """

    def __init__(self, file: ArchiveFile) -> None:
        with _reading():
            self._zip = zipfile.ZipFile(_source(file))
        try:
            self._members = self._checked_members()
            self.project = parsed(self._whole(PROJECT, FILE_MAX), "an exported project")
            self.files = list(packed(self.project))
            self._check_files()
        except BaseException:
            self.close()
            raise
        wanted = {PROJECT, *(FILES + each.id for each in self.files)}
        self.ignored = sorted(self._members.keys() - wanted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened here; a file of the caller's stays open."""
        self._zip.close()

    def unpacked(self, packed: PackedFile, file: IO[bytes]) -> None:
        """Write the bytes of a file to one that is open, and rewind that."""
        for block in self._blocks(FILES + packed.id, packed.size):
            file.write(block)
        file.seek(0)

    def _checked_members(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            if info.is_dir():
                continue
            if info.filename in members:
                _unsuitable(f"it has two files {info.filename!r}")
            members[info.filename] = info
        if PROJECT not in members:
            _unsuitable(f"it has no {PROJECT}")
        return members

    def _check_files(self) -> None:
        seen: set[str] = set()
        for each in self.files:
            if each.id in seen:
                _unsuitable(f"{each.where}.id must not be that of another file")
            seen.add(each.id)
            if each.size > SIZE_MAX:
                _unsuitable(f"{each.where} must not be larger than {SIZE_MAX} bytes")
            if FILES + each.id not in self._members:
                _unsuitable(f"{FILES}{each.id} is missing, which is {each.name!r} ({each.where})")
            for _ in self._blocks(FILES + each.id, each.size):
                pass

    def _whole(self, name: str, most: int) -> bytes:
        size = self._members[name].file_size
        if size > most:
            _unsuitable(f"{name} has {size} bytes, and must not have more than {most}")
        return b"".join(self._blocks(name, size))

    def _blocks(self, name: str, size: int) -> Iterator[bytes]:
        """The bytes of a member, which ends with a check of its sum.

        Raises:
            UnsuitableFile: It is damaged, or not of that size.
        """
        info = self._members[name]
        if info.flag_bits & _ENCRYPTED:
            _unsuitable(f"{name} is encrypted")
        if info.compress_type not in _UNDERSTOOD:
            _unsuitable(f"{name} is packed in a way that is not understood")
        if info.file_size != size:
            _unsuitable(f"{name} has {info.file_size} bytes, and should have {size}")
        left = size
        with _reading(name), self._zip.open(info) as member:
            # One more, so that its end is read and the sum of its bytes is checked.
            while block := member.read(min(BLOCK, left + 1)):
                left -= len(block)
                yield block
        if left:
            _unsuitable(f"{name} is damaged: it has other bytes than it says")


def _source(file: Any) -> Any:
    if isinstance(file, bytes | bytearray | memoryview):
        return io.BytesIO(file)
    if isinstance(file, str | os.PathLike) or (hasattr(file, "seek") and not isinstance(file, io.TextIOBase)):
        return file
    raise TypeError(
        f"an archive must be a path, bytes or a file that is open for reading bytes, not {type(file).__name__}"
    )


@contextmanager
def _reading(name: str = "") -> Iterator[None]:
    """What the archive's format does not allow is told as one kind of error."""
    try:
        yield
    except zipfile.BadZipFile as error:
        _unsuitable(f"{name} is damaged: {error}" if name else "it is no ZIP file, or a damaged one")
    except (zlib.error, EOFError, RuntimeError, ValueError, struct.error) as error:
        _unsuitable(f"{name or 'it'} is damaged: {error}")


def _unsuitable(what: str) -> NoReturn:
    raise UnsuitableFile(f"this is not {WHAT}: {what}") from None


# ---------------------------------------------------------------------------------------------- what the project names


def packed(project: Mapping[str, Any]) -> Iterator[PackedFile]:
    """The attachments that a project's JSON names. Of what is not as it should be the import itself will tell."""
    for place, card in enumerate(_list(project.get("cards"))):
        for index, each in enumerate(_list(card.get("attachments") if isinstance(card, dict) else None)):
            where = f"cards[{place}].attachments[{index}]"
            id, size = (each.get("id"), each.get("size")) if isinstance(each, dict) else (None, None)
            if not isinstance(id, str):
                _unsuitable(f"{where}.id must say which of the files it is")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                _unsuitable(f"{where}.size must say how many bytes it has")
            who = each.get("uploadedBy")
            who = who if isinstance(who, dict) else {}
            yield PackedFile(
                card=place,
                where=where,
                id=id,
                name=_text(each.get("originalName")) or "file",
                mime_type=_type(each.get("mimeType")),
                size=size,
                uploader=(_text(who.get("name")), _text(who.get("email"))),
            )


def _list(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list) else []


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _type(found: Any) -> str | None:
    """A type that can stand in a header."""
    return found if isinstance(found, str) and found.isascii() and found.isprintable() and found else None
