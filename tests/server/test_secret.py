"""The secret that signs logins."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server.secret import signing_secret
from reference_server.settings import Settings, SettingsError


def test_the_one_that_is_set_is_used_and_none_is_kept(tmp_path):
    assert signing_secret(Settings(data_dir=tmp_path, jwt_secret="x" * 32)) == ("x" * 32, None)
    assert list(tmp_path.iterdir()) == []


def test_one_is_made_and_kept_for_its_owner_alone(tmp_path):
    settings = Settings(data_dir=tmp_path / "new")
    secret, made = signing_secret(settings)
    assert made == tmp_path / "new" / "jwt-secret"
    assert len(secret) == 64
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert signing_secret(settings) == (secret, None)


def test_many_that_start_at_once_find_the_same(tmp_path):
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: signing_secret(settings), range(64)))
    assert len({secret for secret, _ in found}) == 1
    assert sum(made is not None for _, made in found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]


def test_one_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "jwt-secret"
    path.write_text("x" * 64)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        signing_secret(Settings(data_dir=tmp_path))


def test_one_that_is_too_short_is_refused(tmp_path):
    path = tmp_path / "jwt-secret"
    path.touch(0o600)
    with pytest.raises(SettingsError, match="must be at least 32 bytes long: remove the file"):
        signing_secret(Settings(data_dir=tmp_path))


def test_a_directory_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used for the secret"):
        signing_secret(Settings(data_dir=tmp_path / "file"))
    (tmp_path / "jwt-secret").mkdir(0o700)
    with pytest.raises(SettingsError, match="cannot be used for the secret"):
        signing_secret(Settings(data_dir=tmp_path))
