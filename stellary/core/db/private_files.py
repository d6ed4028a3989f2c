"""Files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner can read and write, regardless of the umask. An existing file is kept.

    SQLite creates ``-wal`` and ``-shm`` with the mode of the database file.

    Args:
        path: The path of the file, in an existing directory. If it cannot be created, opening it later raises
            the error.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        # The umask may have removed permissions of the owner too.
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
