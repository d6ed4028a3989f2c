"""A disk that loses its cache: a log of SQLite's writes and synchronisations, and possible images after a power cut.

What was written to a file before its last ``fsync`` is there. Of each later write the disk may have kept all, nothing, or
some of its sectors, whatever the order: nothing else is promised to a program.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import apsw
import attrs

SECTOR = 512
Kind = Literal["write", "truncate", "sync", "acknowledge"]


@attrs.frozen
class Entry:
    """An event of the log.

    Attributes:
        name: Of the file; or what was acknowledged to a client.
        offset: Of a write; the new size for ``truncate``.
    """

    kind: Kind
    name: str
    offset: int = 0
    data: bytes = b""


class RecordingFile(apsw.VFSFile):
    """A file that logs all changes."""

    def __init__(self, log: list[Entry], path: Any, flags: list[int]) -> None:
        super().__init__("", path, flags)
        self._log = log
        self._name = Path(path.filename() if isinstance(path, apsw.URIFilename) else path).name

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - named by SQLite
        super().xWrite(data, offset)
        self._log.append(Entry("write", self._name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._log.append(Entry("truncate", self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._log.append(Entry("sync", self._name))


class RecordingDisk(apsw.VFS):
    """The file system of the machine under another name, with a log of changes.

    Attributes:
        log: Everything that happened, in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[Entry] = []
        super().__init__(name, "")

    def xOpen(self, path: Any, flags: list[int]) -> RecordingFile:  # noqa: N802
        return RecordingFile(self.log, path, flags)

    def acknowledge(self, name: str) -> None:
        """Log that a write was acknowledged to a client."""
        self.log.append(Entry("acknowledge", name))


@attrs.frozen
class Image:
    """A possible state of the disk after a power cut.

    Attributes:
        files: Their contents by name.
        acknowledged: What clients had been told by then.
        lost: How many writes were not yet synchronised.
    """

    files: dict[str, bytes]
    acknowledged: frozenset[str]
    lost: int

    def write(self, folder: Path) -> None:
        """Put the files into an empty folder."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def images(
    before: dict[str, bytes], log: Sequence[Entry], cuts: Sequence[int], chance: random.Random
) -> Iterator[Image]:
    """Yield an image for each cut.

    Args:
        before: The files when the log began, all of them on the disk.
        log: What happened then.
        cuts: After how many entries the power fails.
        chance: Decides what is left of the writes that were not synchronised.
    """
    durable = {name: bytearray(content) for name, content in before.items()}
    pending: dict[str, list[Entry]] = {}
    acknowledged: set[str] = set()
    position = 0
    for cut in sorted(cuts):
        for entry in log[position:cut]:
            if entry.kind == "acknowledge":
                acknowledged.add(entry.name)
            elif entry.kind == "sync":
                content = durable.setdefault(entry.name, bytearray())
                for change in pending.pop(entry.name, ()):
                    _apply(content, change)
            else:
                pending.setdefault(entry.name, []).append(entry)
        position = cut
        files = {name: bytearray(content) for name, content in durable.items()}
        for name, changes in pending.items():
            content = files.setdefault(name, bytearray())
            for change in _survivors(changes, chance):
                _apply(content, change)
        lost = sum(len(changes) for changes in pending.values())
        yield Image({name: bytes(content) for name, content in files.items()}, frozenset(acknowledged), lost)


def _survivors(changes: Sequence[Entry], chance: random.Random) -> Iterator[Entry]:
    # Nothing, everything or any part of the writes has reached the disk.
    share = chance.choice((0.0, 0.5, 0.9, 1.0))
    for change in changes:
        if chance.random() < share:
            yield change
        elif change.kind == "write" and chance.random() < share:
            for start in range(0, len(change.data), SECTOR):
                if chance.random() < 0.5:
                    sector = change.data[start : start + SECTOR]
                    yield Entry("write", change.name, change.offset + start, sector)


def _apply(content: bytearray, change: Entry) -> None:
    if change.kind == "truncate":
        del content[change.offset :]
        content.extend(bytes(change.offset - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.data)] = change.data
