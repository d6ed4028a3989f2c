"""``python -m reference_server backup FOLDER``: all that there is, in a folder, while servers write."""

from __future__ import annotations

import sys
from pathlib import Path

from reference_server.secret import FILE_NAME
from reference_server.serve import open_core
from reference_server.settings import Settings, SettingsError


def back_up(settings: Settings, folder: Path) -> int:
    """Make the folder; 1 if a file is missing or damaged, which is told, else 0.

    With SQLite it is a data directory, to start a server on.

    Raises:
        SettingsError: There is no backup.
    """
    core = open_core(settings, blobs=settings.blobs)
    try:
        made = core.back_up(folder, also=[settings.data_dir / FILE_NAME])
    except Exception as error:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise SettingsError(f"there is no backup: {said or type(error).__name__}") from error
    finally:
        core.close()
    for key in made.lost:
        sys.stderr.write(f"stellary: the file {key} is missing or damaged\n")
    sys.stdout.write(f"{made.folder}: the database and {made.files} files\n")
    return int(bool(made.lost))
