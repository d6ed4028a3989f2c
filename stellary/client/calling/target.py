"""Files that are written under a temporary name and renamed when they are complete."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class TargetFile:
    """A temporary file beside a path. It replaces the path when the ``with`` block ends, and is deleted if the block fails.

    Attributes:
        path: The final path. An existing file stays until it is replaced.
        file: The temporary file, open for writing bytes.
    """

    file: IO[bytes]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")

    def __enter__(self) -> Self:
        self.file = self._part.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.file.close()
            if error is None:
                self._part.replace(self.path)
        finally:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
