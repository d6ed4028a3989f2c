"""Files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path


def create_private_file(path: Path) -> None:
    """Create an empty file that its owner alone can read and write, whatever the umask; keep one that exists.

    SQLite creates ``-wal`` and ``-shm`` with the mode of the database file.

    Args:
        path: Of the file, in a directory that exists. If it cannot be created, opening it will say why.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        # The umask may have taken bits of the owner's as well.
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
