"""``python -m reference_server backup FOLDER``: backs up a server to a folder, while it is in use."""

from __future__ import annotations

import sys
from pathlib import Path

from reference_server.secret import FILE_NAME
from reference_server.serve import open_core
from reference_server.settings import Settings, SettingsError


def back_up(settings: Settings, folder: Path) -> int:
    """Create a backup, and return the exit code: 1 if a file is missing or damaged, else 0.

    A backup of SQLite is a data directory with which a server can be started.

    Raises:
        SettingsError: The backup has failed.
    """
    core = open_core(settings, blobs=settings.blobs)
    try:
        backup = core.back_up(folder, also=[settings.data_dir / FILE_NAME])
    except Exception as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise SettingsError(f"the backup has failed: {reason or type(error).__name__}") from error
    finally:
        core.close()
    for key in backup.lost:
        sys.stderr.write(f"stellary: the file {key} is missing or damaged\n")
    sys.stdout.write(f"{backup.folder}: the database and {backup.files} files\n")
    return int(bool(backup.lost))
