"""The secret that signs logins."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server.secret import signing_secret
from tests.support.server_parts import Settings, SettingsError


def test_configured_secret_is_used_and_not_stored(tmp_path):
    assert signing_secret(Settings(data_dir=tmp_path, jwt_secret="x" * 32)) == ("x" * 32, None)
    assert list(tmp_path.iterdir()) == []


def test_secret_is_generated_and_stored_privately(tmp_path):
    settings = Settings(data_dir=tmp_path / "new")
    secret, path = signing_secret(settings)
    assert path == tmp_path / "new" / "jwt-secret"
    assert len(secret) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_secret(settings) == (secret, None)


def test_concurrent_starts_use_the_same_secret(tmp_path):
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: signing_secret(settings), range(64)))
    assert len({secret for secret, _ in results}) == 1
    assert sum(created_path is not None for _, created_path in results) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]


def test_readable_secret_file_is_rejected(tmp_path):
    path = tmp_path / "jwt-secret"
    path.write_text("x" * 64)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        signing_secret(Settings(data_dir=tmp_path))


def test_short_secret_is_rejected(tmp_path):
    (tmp_path / "jwt-secret").touch(0o600)
    with pytest.raises(SettingsError, match="must be at least 32 bytes long: remove the file"):
        signing_secret(Settings(data_dir=tmp_path))


def test_unusable_directory_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used for the secret"):
        signing_secret(Settings(data_dir=tmp_path / "file"))
    (tmp_path / "jwt-secret").mkdir(0o700)
    with pytest.raises(SettingsError, match="cannot be used for the secret"):
        signing_secret(Settings(data_dir=tmp_path))
