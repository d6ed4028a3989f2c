"""A store of files belongs to one database: another one, or an older copy of it, neither writes to it nor deletes from it."""

from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from stellary.contract.errors import Unavailable
from stellary.core import Core, open_blobs
from stellary.core.api.copies import copy_database
from stellary.core.kernel.owned_blobs import MARKER, ForeignStore, OwnedBlobs
from stellary.core.ports.blobs import new_key
from tests.conftest import RUN
from tests.core.test_backups import CardFiles
from tests.support.core_parts import SWEEP_AFTER
from tests.support.databases import KINDS
from tests.support.forms import FORM, form


@pytest.fixture(params=["same path", "symlink"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder of files, as two servers spell it."""
    folder, alias = tmp_path / "files", tmp_path / "alias"
    alias.symlink_to(folder)
    return folder, folder if request.param == "same path" else alias


@pytest.fixture
def files(database_url: str, places: tuple[Path, Path]) -> Iterator[CardFiles]:
    """Yield files in a store that has belonged to their database since now."""
    with closing(Core(database_url, bcrypt_rounds=4, blobs=places[0])) as core:
        core.sweep()
        yield CardFiles(core)


@pytest.fixture
def other(files: CardFiles, places: tuple[Path, Path], request: pytest.FixtureRequest) -> Iterator[Core]:
    """Yield a core on the same store, and on an empty database."""
    kind = "postgresql" if files.core.database.is_sqlite else "sqlite"
    with (
        KINDS[kind](request.config.stash[RUN]).empty_database() as url,
        closing(Core(url, bcrypt_rounds=4, blobs=places[1])) as core,
    ):
        yield core


def read_all(folder: Path) -> dict[str, bytes]:
    """Return the files of a store without its marker."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.match(MARKER))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def age(*cores: Core) -> None:
    """Let an hour pass for cores, so that they sweep."""
    later = cores[0].env.clock() + SWEEP_AFTER + timedelta(minutes=1)
    for core in cores:
        core.env.clock = lambda: later


def delete_in_all_ways(files: CardFiles) -> None:
    """Upload, fail to upload, purge and sweep."""
    assert files.world.call(files.ann, "POST", files.path, form(b"New."), content_type=FORM).status == 503
    files.purge(files.ids[0])
    with pytest.raises(ForeignStore, match="belongs to another database"):
        files.core.sweep()


def test_new_database_leaves_the_files_of_another(files, other, places):
    other.migrate()
    before = read_all(places[0])
    age(files.core, other)
    for use in (other.env.blobs.start, other.sweep, lambda: other.env.blobs.delete(list(before))):
        with pytest.raises(ForeignStore):
            use()
    with pytest.raises(AssertionError, match="status=503"):
        CardFiles(other)
    assert read_all(places[0]) == before
    assert files.core.sweep() == 0


@pytest.mark.slow("copies a database several times")
def test_older_copy_of_a_database_leaves_its_files(files, other, places):
    copy_database(files.core.database, other.database, files.core.list_files)
    age(files.core, other)
    files.upload(b"After the copy.")
    assert files.core.sweep() == 0
    before = read_all(places[0])
    files.core, files.world.core, original = other, other, files.core
    age(other)
    delete_in_all_ways(files)
    assert read_all(places[0]) == before
    assert original.sweep() == 0
    other.adopt_files()
    assert other.sweep() == 2
    with pytest.raises(ForeignStore):
        original.sweep()


@pytest.mark.slow("copies a database several times")
def test_two_live_copies_that_sweep_in_turn_delete_nothing(files, other, places):
    copy_database(files.core.database, other.database, files.core.list_files)
    files.upload(b"After the copy.")
    before = read_all(places[0])
    # The copy is so new that the store still has its token.
    assert other.sweep() == 0
    for _ in range(3):
        age(files.core, other)
        for core in (files.core, other):
            with suppress(ForeignStore):
                core.sweep()
    assert read_all(places[0]) == before
    for core in (files.core, other):
        with pytest.raises(ForeignStore):
            core.sweep()


def test_store_without_a_marker_belongs_to_the_database_that_knows_its_files(files, other, places):
    other.migrate()
    (places[0] / MARKER).unlink()
    age(files.core, other)
    with pytest.raises(ForeignStore):
        other.sweep()
    assert files.core.sweep() == 0
    with pytest.raises(Unavailable):
        other.sweep()


def test_store_with_a_file_of_an_unfinished_upload_can_be_claimed(core, world, tmp_path):
    core.env.blobs = OwnedBlobs(open_blobs(str(tmp_path / "files")), core.units, lambda keys: set())
    core.env.blobs.put(new_key(), b"The row is not committed yet.")
    assert core.sweep() == 0
    assert core.sweep() == 0


def test_restored_backup_uses_its_own_files_but_not_those_of_the_original(sqlite_url, tmp_path):
    with closing(Core(sqlite_url, bcrypt_rounds=4, blobs=tmp_path / "files")) as core:
        CardFiles(core)
        backup = core.back_up(tmp_path / "backup")
        core.sweep()
        restored_url = f"sqlite:///{backup.folder / 'stellary.db'}"
        for folder in (backup.folder / "files", tmp_path / "files"):
            before = read_all(folder)
            with closing(Core(restored_url, blobs=folder)) as restored:
                age(core, restored)
                with suppress(ForeignStore) if folder == tmp_path / "files" else nullcontext():
                    assert restored.sweep() == 0
            assert read_all(folder) == before
