"""The secret that signs logins: the one that is set, or one that is made once and kept beside the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reference_server.secret_strength import find_weakness
from reference_server.settings import Settings, SettingsError

FILE_NAME = "jwt-secret"


def signing_secret(settings: Settings) -> tuple[str, Path | None]:
    """The secret, and the file in the data directory that was made for it just now, if it was.

    Raises:
        SettingsError: The file cannot be used.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret, None
    path = settings.data_dir / FILE_NAME
    try:
        return _kept(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be used for the secret: {error.strerror}") from None


def _kept(path: Path) -> tuple[str, Path | None]:
    made: Path | None = None
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and linked into place: whoever starts at the same moment finds a whole secret, and the same.
        draft = path.with_name(f".{FILE_NAME}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
            made = path
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} holds a secret and can be read by others: chmod 600 it, or remove it")
    secret = path.read_text().strip()
    weakness = find_weakness(secret)
    if weakness is not None:
        raise SettingsError(f"the secret in {path} {weakness}: remove the file and one is made")
    return secret, made
