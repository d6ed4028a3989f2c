"""The file store: the behaviour of each kind of store, and of folders with other files."""

import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stellary.contract.errors import StorageFull, Unavailable
from stellary.core import Blobs, Core, open_blobs
from stellary.core.ports.blobs import discard, new_key
from tests.support.boards import Board
from tests.support.core_parts import MARKER, attachments
from tests.support.forms import FORM, form
from tests.support.world import World

KEY = "ab/" + "0123456789abcdef" * 2
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """A bucket on a server that speaks S3, and how to reach it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    import httpx

    httpx.put(f"{endpoint}/files").raise_for_status()
    yield {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    server.stop()


@pytest.fixture(
    params=["memory", "folder", pytest.param("s3", marks=pytest.mark.slow("runs a server that speaks S3"))]
)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    """An empty store of each kind."""
    if request.param == "memory":
        return open_blobs("memory:")
    if request.param == "folder":
        return open_blobs(f"file://{tmp_path}/some%20files")
    for name, text in request.getfixturevalue("bucket").items():
        monkeypatch.setenv(name, text)
    return open_blobs(f"s3://files/{request.node.name[:20]}-{os.urandom(4).hex()}")


def list_keys(store: Blobs, moment: datetime = LATER) -> list[str]:
    return sorted(store.older_than(moment))


def test_blob_is_read_in_part_and_as_a_whole(store):
    store.put(KEY, b"0123456789")
    assert b"".join(store.read(KEY, 0, 10)) == b"0123456789"
    assert b"".join(store.read(KEY, 3, 5)) == b"34"
    assert list(store.read(KEY, 3, 3)) == []


@pytest.mark.parametrize("size", [0, 1, 200_000, 6_000_000])
def test_blobs_of_any_size_are_stored(store, size):
    with tempfile.SpooledTemporaryFile(max_size=100_000) as file:
        file.write(b"x" * size)
        file.seek(0)
        store.put(KEY, file)
    assert sum(map(len, store.read(KEY, 0, size))) == size


def test_deleted_blob_is_not_found(store):
    store.put(KEY, b"x")
    store.delete([KEY, KEY])
    assert list_keys(store) == []
    with pytest.raises(FileNotFoundError):
        list(store.read(KEY, 0, 1))


def test_older_blobs_are_listed(store):
    assert list_keys(store) == []
    keys = sorted(new_key() for _ in range(3))
    for key in keys:
        store.put(key, b"x")
    assert list_keys(store) == keys
    assert list_keys(store, datetime.now(UTC) - timedelta(days=1)) == []


def test_sweep_deletes_unused_files_in_batches(sqlite_url, monkeypatch):
    monkeypatch.setattr(attachments, "SWEEP_BATCH", 2)
    store = open_blobs("memory:")
    with closing(Core(sqlite_url, blobs=store, clock=lambda: LATER)) as core:
        core.sweep()
        for _ in range(5):
            store.put(new_key(), b"x")
        assert core.sweep() == 5
    assert list_keys(store) == [MARKER]


def test_sweep_leaves_other_files(sqlite_url, tmp_path):
    names = ("ab/notes.txt", "cd/" + "0" * 31, "00000000000000000000000000000000", "ab/" + "Z" * 32)
    for name in names:
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"x")
    with closing(Core(sqlite_url, blobs=tmp_path / "files", clock=lambda: LATER)) as core:
        assert core.sweep() == 0
    assert all((tmp_path / "files" / name).exists() for name in names)


def test_unfinished_file_of_a_dead_process_is_swept(tmp_path):
    store = open_blobs(str(tmp_path))
    (tmp_path / "ab").mkdir()
    (tmp_path / f"{KEY}#1").write_bytes(b"half")
    assert list_keys(store) == [f"{KEY}#1"]
    store.delete([f"{KEY}#1"])
    assert list_keys(store) == []


def test_a_file_that_goes_while_it_is_listed_is_passed_over(tmp_path):
    (tmp_path / "ab").mkdir()
    (tmp_path / KEY).symlink_to(tmp_path / "nowhere")
    assert list_keys(open_blobs(str(tmp_path))) == []


def test_a_folder_is_made_for_its_owner_alone_when_it_is_needed(tmp_path):
    store = open_blobs(str(tmp_path / "data" / "files"))
    assert list_keys(store) == []
    assert not (tmp_path / "data").exists()
    store.put(KEY, b"x")
    assert (tmp_path / "data" / "files").stat().st_mode & 0o777 == 0o700


class Broken(io.BytesIO):
    """A file of which reading fails at its end."""

    def __init__(self, number: int) -> None:
        super().__init__(b"x" * 100_000)
        self._number = number

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if block:
            return block
        raise OSError(self._number, os.strerror(self._number))


def test_nothing_is_left_of_a_put_that_fails(tmp_path):
    store = open_blobs(str(tmp_path))
    with pytest.raises(Unavailable, match="the file store is not available"):
        store.put(KEY, Broken(errno.EIO))
    with pytest.raises(StorageFull):
        store.put(KEY, Broken(errno.ENOSPC))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_and_the_folders_that_lead_to_it_are_on_the_disk_before_put_returns(tmp_path, monkeypatch):
    synced: list[Path] = []

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    store = open_blobs(str(tmp_path / "data" / "files"))
    store.put(KEY, b"x")
    files = tmp_path / "data" / "files"
    # The folders that name each other, from the one that was there; the file; and the folder that names it at last.
    assert {tmp_path, tmp_path / "data", files} <= set(synced)
    assert synced[-2].parent == synced[-1] == files / "ab"
    synced.clear()
    store.put("ab/" + "0" * 32, b"x")
    assert len(synced) == 2
    # One that another process has made may not have been written yet.
    open_blobs(str(files)).put("ab/" + "1" * 32, b"x")
    assert files in synced


def test_a_probe_finds_a_folder_that_cannot_be_written(tmp_path):
    store = open_blobs(str(tmp_path / "files"))
    store.probe()
    assert list_keys(store) == []
    (tmp_path / "files").rmdir()
    (tmp_path / "files").write_bytes(b"in its place")
    with pytest.raises(Unavailable):
        store.probe()


@pytest.fixture
def unreachable() -> Blobs:
    return open_blobs(
        "s3://files",
        endpoint="http://127.0.0.1:1",
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def test_a_store_that_does_not_answer_is_unavailable(unreachable):
    for ask in (
        lambda: unreachable.put(KEY, b"x"),
        lambda: list(unreachable.read(KEY, 0, 1)),
        lambda: unreachable.delete([KEY]),
        lambda: list(unreachable.older_than(LATER)),
        unreachable.probe,
    ):
        with pytest.raises(Unavailable) as caught:
            ask()
        assert caught.value.retry_after == 5


def test_blob_that_cannot_be_discarded_is_left_to_the_sweep(unreachable, caplog):
    discard(unreachable, KEY)
    assert "left to the sweep" in caplog.text


def test_a_folder_does_not_load_the_library(sqlite_url, tmp_path):
    code = (
        "import sys; from stellary.core import Core; core = Core(*sys.argv[1:2], blobs=sys.argv[2]);"
        "core.sweep(); core.env.blobs.put('ab/' + '1' * 32, b'x'); core.sweep(); core.env.blobs.probe(); print(*sorted({'obstore', 'multipart'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, sqlite_url, tmp_path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""


def test_a_backup_has_the_files_of_any_store_in_a_folder(store, sqlite_url, tmp_path):
    core = Core(sqlite_url, bcrypt_rounds=4, blobs=store)
    world = World(core)
    ann = world.person("ann")
    board = Board(world, ann, world.workspace(ann))
    path = f"{board.of(board.card('Files'))}/attachments"
    for size in (0, 5, 300_000):
        world.ask(ann, "POST", path, form(b"x" * size), content_type=FORM)
    backup = core.back_up(tmp_path / "backup")
    core.close()
    assert (backup.files, backup.lost) == (3, [])
    copied = [path for path in (backup.folder / "files").rglob("*") if path.is_file()]
    assert sorted(path.stat().st_size for path in copied) == [0, 5, 300_000]
