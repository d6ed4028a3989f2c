"""Backups contain each row with its file and each file with its row, also during deletions."""

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from stellary.core import Core
from stellary.core.api import backups
from stellary.core.api.backups import BackupFailed
from tests.core.agents.agent_api import AgentApi
from tests.support.blobs import list_blob_keys
from tests.support.boards import Board
from tests.support.forms import FORM, form
from tests.support.postgres import prepend_programs
from tests.support.world import World


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the programs of the PostgreSQL server of the tests in PATH."""
    monkeypatch.setenv("PATH", prepend_programs(os.environ["PATH"]))


@pytest.fixture
def core_options(tmp_path: Path) -> dict[str, Any]:
    return {"blobs": tmp_path / "blobs"}


class CardFiles:
    """Four files on a card."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.world = World(core)
        self.ann = self.world.person("ann")
        self.board = Board(self.world, self.ann, self.world.workspace(self.ann))
        self.path = f"{self.board.of(self.board.card('Files'))}/attachments"
        self.ids = [self.upload(b"%d" % number) for number in range(4)]

    def upload(self, data: bytes) -> str:
        attachment = self.world.ask(self.ann, "POST", self.path, form(data), content_type=FORM)
        return attachment["id"]

    def delete(self, id: str) -> None:
        """Move a file to the trash."""
        self.world.ask(self.ann, "DELETE", f"{self.path}/{id}")

    def purge(self, id: str) -> None:
        """Delete a file for good."""
        self.delete(id)
        trash = f"{self.board.flat}/trash"
        (item,) = self.world.ask(self.ann, "GET", f"{trash}?limit=1")
        self.world.ask(self.ann, "DELETE", f"{trash}/{item['id']}")
        self.core.work.run_due()

    def keys(self) -> set[str]:
        return set(list_blob_keys(self.core))


@pytest.fixture
def files(core: Core) -> CardFiles:
    return CardFiles(core)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in (folder / "files").rglob("*")
        if path.is_file()
    }


def test_backup_contains_the_listed_files(core, files, tmp_path):
    core.env.blobs.put("00/" + "0" * 32, b"nobody's")
    backup = core.back_up(tmp_path / "backup")
    assert (backup.folder, backup.files, backup.lost) == (tmp_path / "backup", 4, [])
    assert sorted(files_in(backup.folder).values()) == [b"0", b"1", b"2", b"3"]
    name = "stellary.db" if core.database.is_sqlite else "stellary.dump"
    assert sorted(path.name for path in backup.folder.iterdir()) == ["files", name]


def test_file_deleted_during_a_backup_is_omitted_with_its_row(core, files, tmp_path, monkeypatch):
    copy, waiting, listings = backups.copy_file, files.ids[:2], []

    def delete_first(*arguments):
        if waiting:
            files.purge(waiting.pop())
        return copy(*arguments)

    def record_listing(connection, find_files=core.list_files):
        listings.append(find_files(connection))
        return listings[-1]

    monkeypatch.setattr(backups, "copy_file", delete_first)
    monkeypatch.setattr(core, "list_files", record_listing)
    backup = core.back_up(tmp_path / "backup")
    assert (backup.files, backup.lost) == (2, [])
    # The backup contains the last copy of the database.
    assert set(listings[-1]) == set(files_in(backup.folder)) == files.keys()
    assert len(listings) > 1


def test_backup_contains_the_files_in_the_trash(core, files, tmp_path):
    files.delete(files.ids[0])
    backup = core.back_up(tmp_path / "backup")
    assert (backup.files, backup.lost) == (4, [])
    assert sorted(files_in(backup.folder).values()) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("damage", [os.unlink, lambda path: path.write_bytes(b"other")])
def test_lost_or_damaged_file_is_reported(core, files, tmp_path, damage):
    key = min(files.keys())
    damage(tmp_path / "blobs" / key)
    backup = core.back_up(tmp_path / "backup")
    assert (backup.files, backup.lost) == (3, [key])
    assert key not in files_in(backup.folder)


def test_backup_contains_files_of_pending_proposals(core, tmp_path):
    world = World(core)
    board = AgentApi(world, world.person("ann"))
    agent, card = board.agent("supervised"), board.card()
    path = f"{board.of(card)}/attachments"
    board.world.call(board.token(agent), "POST", path, form(b"Hello."), content_type=FORM)
    assert list(files_in(core.back_up(tmp_path / "backup").folder).values()) == [b"Hello."]


def test_backup_is_private_and_contains_additional_files(core, files, tmp_path):
    secret = tmp_path / "jwt-secret"
    secret.write_text("s" * 64)
    secret.chmod(0o600)
    folder = tmp_path / "deep" / "backup"
    core.back_up(str(folder), also=[secret, tmp_path / "missing"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "jwt-secret").stat().st_mode) == 0o600
    assert list(folder.parent.iterdir()) == [folder]


def test_copy_of_the_database_is_private_with_any_umask(core, files, tmp_path):
    before = os.umask(0)
    try:
        backup = core.back_up(tmp_path / "backup")
    finally:
        os.umask(before)
    (copy,) = (path for path in backup.folder.iterdir() if path.is_file())
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_failed_backup_leaves_nothing(core, files, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", fail)
    with pytest.raises(OSError, match="No space left"):
        core.back_up(tmp_path / "backup", also=[tmp_path])
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def test_existing_folder_is_not_overwritten(core, tmp_path):
    (tmp_path / "backup").mkdir()
    with pytest.raises(BackupFailed, match="already exists"):
        core.back_up(tmp_path / "backup")


def test_a_database_in_memory_cannot_be_backed_up(tmp_path):
    core = Core(create_engine("sqlite://"))
    core.migrate()
    with pytest.raises(BackupFailed, match="a database in memory cannot be backed up"):
        core.back_up(tmp_path / "backup")
    core.close()
