"""Files that are written under a temporary name and renamed when they are complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO


@contextmanager
def open_target(path: Path, *, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Open a temporary file beside a path, which it replaces when the block ends. It is deleted if the block fails.

    Args:
        path: The path.
        mode: The permissions of the file, which the umask of the process limits.
    """
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb", opener=partial(os.open, mode=mode)) as file:
            yield file
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
