"""The secret that signs logins: from the settings, or generated once and stored in the data directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reference_server.secret_strength import find_weakness
from reference_server.settings import Settings, SettingsError

FILE_NAME = "jwt-secret"


def signing_secret(settings: Settings) -> tuple[str, Path | None]:
    """Return the secret, and the file in which it was stored if it has just been generated.

    Raises:
        SettingsError: The file cannot be used.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret, None
    path = settings.data_dir / FILE_NAME
    try:
        return _load_or_generate(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be used for the secret: {error.strerror}") from None


def _load_or_generate(path: Path) -> tuple[str, Path | None]:
    new_file: Path | None = None
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written to a temporary file and linked, so that servers that start at the same moment read the same complete secret.
        draft = path.with_name(f".{FILE_NAME}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
            new_file = path
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} holds a secret and can be read by others: chmod 600 it, or remove it")
    secret = path.read_text().strip()
    weakness = find_weakness(secret)
    if weakness is not None:
        raise SettingsError(f"the secret in {path} {weakness}: remove the file and one is generated")
    return secret, new_file
