"""Backups: no row without its file and no file without its row, whatever is deleted while they are made."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from stellary.core import Core
from stellary.core.api import backups
from stellary.core.api.backups import BackupFailed
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import Board
from tests.support.forms import FORM, form
from tests.support.postgres import prepend_programs
from tests.support.world import World


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own, of the server that the tests run."""
    monkeypatch.setenv("PATH", prepend_programs(os.environ["PATH"]))


@pytest.fixture
def core(database_url: str, tmp_path: Path) -> Iterator[Core]:
    core = Core(database_url, bcrypt_rounds=4, blobs=tmp_path / "blobs")
    try:
        yield core
    finally:
        core.close()


class Kept:
    """Some files on a card."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.world = World(core)
        self.ann = self.world.person("ann")
        self.board = Board(self.world, self.ann, self.world.workspace(self.ann))
        self.path = f"{self.board.of(self.board.card('Files'))}/attachments"
        self.ids = [self.upload(b"%d" % number) for number in range(4)]

    def upload(self, data: bytes) -> str:
        made = self.world.ask(self.ann, "POST", self.path, form(data), content_type=FORM)
        id: str = made["id"]
        return id

    def delete(self, id: str) -> None:
        self.world.ask(self.ann, "DELETE", f"{self.path}/{id}")

    def keys(self) -> set[str]:
        return {key for key, _ in self.core.env.blobs._list_keys()}


@pytest.fixture
def kept(core: Core) -> Kept:
    return Kept(core)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in (folder / "files").rglob("*")
        if path.is_file()
    }


def test_a_backup_holds_the_files_that_are_named(core, kept, tmp_path):
    core.env.blobs.put("00/" + "0" * 32, b"nobody's")
    made = core.back_up(tmp_path / "backup")
    assert (made.folder, made.files, made.lost) == (tmp_path / "backup", 4, [])
    assert sorted(files_in(made.folder).values()) == [b"0", b"1", b"2", b"3"]
    name = "stellary.db" if core.database.is_sqlite else "stellary.dump"
    assert sorted(each.name for each in made.folder.iterdir()) == ["files", name]


def test_what_is_deleted_after_the_database_was_copied_is_in_neither(core, kept, tmp_path, monkeypatch):
    copy, waiting, named = backups._copy_file, kept.ids[:2], []

    def delete_first(*given):
        if waiting:
            kept.delete(waiting.pop())
        return copy(*given)

    def noting(connection, told=core._find_files):
        named.append(told(connection))
        return named[-1]

    monkeypatch.setattr(backups, "_copy_file", delete_first)
    monkeypatch.setattr(core, "_find_files", noting)
    made = core.back_up(tmp_path / "backup")
    assert (made.files, made.lost) == (2, [])
    # The database that is kept is the one of the last copy.
    assert set(named[-1]) == set(files_in(made.folder)) == kept.keys()
    assert len(named) > 1


@pytest.mark.parametrize("damage", [os.unlink, lambda path: path.write_bytes(b"other")])
def test_a_file_that_is_lost_or_damaged_is_told(core, kept, tmp_path, damage):
    key = min(kept.keys())
    damage(tmp_path / "blobs" / key)
    made = core.back_up(tmp_path / "backup")
    assert (made.files, made.lost) == (3, [key])
    assert key not in files_in(made.folder)


def test_a_file_that_waits_for_somebodys_approval_is_in_it(core, tmp_path):
    world = World(core)
    agent_api = AgentApi(world, world.person("ann"))
    agent, card = agent_api.agent("supervised"), agent_api.card()
    path = f"{agent_api.of(card)}/attachments"
    agent_api.world.call(agent_api.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    made = core.back_up(tmp_path / "backup")
    assert list(files_in(made.folder).values()) == [b"Hello."]


def test_a_backup_is_for_its_owner_alone_and_has_what_is_to_lie_beside(core, kept, tmp_path):
    secret = tmp_path / "jwt-secret"
    secret.write_text("s" * 64)
    secret.chmod(0o600)
    folder = tmp_path / "deep" / "backup"
    core.back_up(str(folder), also=[secret, tmp_path / "missing"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "jwt-secret").stat().st_mode) == 0o600
    assert list(folder.parent.iterdir()) == [folder]


def test_the_copy_of_the_database_is_private_whatever_the_umask(core, kept, tmp_path):
    before = os.umask(0)
    try:
        made = core.back_up(tmp_path / "backup")
    finally:
        os.umask(before)
    (copy,) = (path for path in made.folder.iterdir() if path.is_file())
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_backup_that_fails_leaves_nothing(core, kept, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left"):
        core.back_up(tmp_path / "backup", also=[tmp_path])
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == []


def test_a_folder_that_is_there_stays_as_it_is(core, tmp_path):
    (tmp_path / "backup").mkdir()
    with pytest.raises(BackupFailed, match="is there already"):
        core.back_up(tmp_path / "backup")


def test_a_database_in_memory_cannot_be_backed_up(tmp_path):
    core = Core(create_engine("sqlite://"))
    core.migrate()
    with pytest.raises(BackupFailed, match="a database in memory cannot be backed up"):
        core.back_up(tmp_path / "backup")
    core.close()
