"""Copies of a database appear complete or not at all, while nobody can write to the source."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import delete, func, inspect, make_url, select, text

from stellary.core import NOBODY, Blobs, Core, FolderBlobs, open_blobs
from stellary.core.api import copies
from stellary.core.api.copies import Copy, CopyFailed, copy_database, read_last_number
from tests.conftest import RUN
from tests.core.test_blobs import bucket  # noqa: F401 - a fixture
from tests.support.boards import Board
from tests.support.core_parts import Database, migrations
from tests.support.databases import KINDS
from tests.support.forms import FORM, form
from tests.support.tables import activities
from tests.support.world import World

pytestmark = [pytest.mark.slow("copies a database"), pytest.mark.wide(when="migrations")]

T = TypeVar("T")


@pytest.fixture
def target(request: pytest.FixtureRequest, core: Core) -> Iterator[Database]:
    """Yield an empty database of the other kind than the core's."""
    kind = "postgresql" if core.database.is_sqlite else "sqlite"
    with KINDS[kind](request.config.stash[RUN]).empty_database() as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.close()


@pytest.fixture
def board(core: Core) -> Board:
    """Return a board with a card that has a file, and a document below one that was created later."""
    world = World(core)
    ann = world.person("ann")
    workspace = world.workspace(ann)
    board = Board(world, ann, workspace)
    world.ask(ann, "POST", f"{board.of(board.card('Files'))}/attachments", form(b"Hello."), content_type=FORM)
    documents = f"{workspace.path}/documents"
    child, parent = (world.ask(ann, "POST", documents, {"title": title}) for title in ("Child", "Parent"))
    world.ask(ann, "PATCH", f"{documents}/{child['id']}", {"parentId": parent["id"]})
    return board


def copy(core: Core, target: Database, **options) -> Copy:
    return copy_database(core.database, target, core.list_files, **options)


def list_tables(database: Database) -> list[str]:
    with database.reading() as connection:
        return inspect(connection).get_table_names()


def test_copy_contains_every_row_and_file(core, board, target, tmp_path):
    steps = []
    copied = copy(
        core,
        target,
        stores=(core.env.blobs, FolderBlobs(tmp_path / "copied")),
        on_progress=lambda name, done, total: steps.append((name, done, total)),
    )
    assert (copied.files, copied.lost) == (1, [])
    assert copied.rows["stellary_documents"] == 2
    with core.database.reading() as original, target.reading() as copy_of_it:
        for name, count in copied.rows.items():
            table = copies.metadata.tables[name]
            assert original.scalar(select(func.count()).select_from(table)) == count, name
            assert copy_of_it.scalar(select(func.count()).select_from(table)) == count, name
    assert [path.read_bytes() for path in (tmp_path / "copied").rglob("*") if path.is_file()] == [b"Hello."]
    rows = 2 * sum(copied.rows.values())
    assert ("stellary_users", rows, rows) not in steps
    assert [step for step in steps if step[1] == step[2] == rows]
    assert steps[-1] == ("files", 1, 1)


def test_events_of_a_copy_continue_the_numbers_of_the_source(core, board, target):
    with core.database.writing() as connection:
        last = read_last_number(connection, activities)
        connection.execute(delete(activities))
    assert last > 0
    copy(core, target)
    with target.reading() as connection:
        assert read_last_number(connection, activities) == last
    copied_core = Core(target.engine.url.render_as_string(hide_password=False))
    with copied_core.begin(NOBODY) as unit:
        unit.connection.execute(activities.delete())
    World(copied_core).ask(board.owner, "POST", f"{board.path}/labels", {"name": "new"})
    with copied_core.database.reading() as connection:
        assert connection.scalar(select(func.min(activities.c.seq))) == last + 1
    copied_core.close()


def test_interrupted_copy_leaves_the_target_empty(core, board, target, tmp_path):
    files = tmp_path / "copied"

    def interrupt(name: str, done: int, total: int) -> None:
        if name == "files":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(core, target, stores=(core.env.blobs, FolderBlobs(files)), on_progress=interrupt)
    assert list_tables(target) == []
    assert [path for path in files.rglob("*") if path.is_file()] == []
    assert copy(core, target).rows["stellary_documents"] == 2


PLACES = {
    "relative path": lambda folder: f"{os.path.relpath(folder)}/",
    "symlink": lambda folder: str(folder.with_name("link")),
    "prefix with a slash": lambda folder: "s3://files/copied/",
    "used": lambda folder: str(folder.with_name("used")),
}
"""Stores that must not be copied to, by the way in which they are spelled: all but the last are that of the source."""


@pytest.fixture(params=PLACES)
def stores(
    request: pytest.FixtureRequest, core: Core, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Blobs, Blobs]:
    """Return the store of the core's files, and one of ``PLACES``, with files of their own."""
    folder = tmp_path / "files"
    folder.with_name("link").symlink_to(folder)
    source, target = open_blobs(str(folder)), open_blobs(PLACES[request.param](folder))
    if request.param == "prefix with a slash":
        for name, value in request.getfixturevalue("bucket").items():
            monkeypatch.setenv(name, value)
        source = open_blobs("s3://files/copied")
    with core.database.reading() as connection:
        (key,) = core.list_files(connection)
    source.put(key, b"Hello.")
    if request.param == "used":
        target.put(key, b"Hello.")
    return source, target


@contextmanager
def fail_after(opened: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
    """Open a context, and fail when it has ended."""
    with opened() as value:
        yield value
    raise KeyboardInterrupt


def read_blobs(store: Blobs) -> dict[str, bytes]:
    return {
        key: b"".join(store.read(key, 0, 100)) for key in store.older_than(datetime.max.replace(tzinfo=UTC))
    }


def test_copy_leaves_the_files_of_the_source_and_of_others(core, target, stores, monkeypatch):
    def interrupt(name: str, done: int, total: int) -> None:
        if name == phase or (phase == "checks" and done > total / 2):
            raise KeyboardInterrupt

    before = list(map(read_blobs, stores))
    for phase in ("stellary_users", "checks", "files", "after the commit"):
        if phase == "after the commit":
            monkeypatch.setattr(target, "open_migrating", partial(fail_after, target.open_migrating))
        with suppress(KeyboardInterrupt, CopyFailed):
            copy(core, target, stores=stores, on_progress=interrupt)
        assert list(map(read_blobs, stores)) == before, phase


def test_copy_that_is_interrupted_after_its_commit_keeps_its_files(
    core, board, target, tmp_path, monkeypatch
):
    monkeypatch.setattr(target, "open_migrating", partial(fail_after, target.open_migrating))
    copied = FolderBlobs(tmp_path / "copied")
    with pytest.raises(KeyboardInterrupt):
        copy(core, target, stores=(core.env.blobs, copied))
    assert list(read_blobs(copied).values()) == [b"Hello."]


def test_copy_that_differs_is_refused(core, board, target, monkeypatch):
    load = copies.load_rows

    def lose_a_row(connection, table, rows):
        rows = list(rows)
        load(connection, table, rows[1:] if table.name == "stellary_attachments" else rows)

    monkeypatch.setattr(copies, "load_rows", lose_a_row)
    with pytest.raises(CopyFailed, match="the rows of stellary_attachments differ from the source"):
        copy(core, target)
    assert list_tables(target) == []


def test_changed_value_is_noticed(core, board, target, monkeypatch):
    load = copies.load_rows

    def rename_documents(connection, table, rows):
        title = (
            [column.name for column in table.columns].index("title")
            if table.name == "stellary_documents"
            else None
        )
        load(
            connection, table, [[*row[:title], "Other", *row[title + 1 :]] if title else row for row in rows]
        )

    monkeypatch.setattr(copies, "load_rows", rename_documents)
    with pytest.raises(CopyFailed, match="the rows of stellary_documents differ from the source"):
        copy(core, target)


def test_rows_that_the_target_rejects_are_reported(core, board, target, monkeypatch):
    load = copies.load_rows

    def load_attachments_only(connection, table, rows):
        load(connection, table, rows if table.name in ("stellary_attachments", "stellary_users") else [])

    monkeypatch.setattr(copies, "load_rows", load_attachments_only)
    with pytest.raises(CopyFailed, match="the target rejects the rows"):
        copy(core, target)
    assert list_tables(target) == []


def test_target_with_tables_is_refused(core, board, target):
    copy(core, target)
    with pytest.raises(CopyFailed, match="the target is not empty"):
        copy(core, target)


def test_nobody_can_write_to_the_source_meanwhile(core, board, target):
    refusals = []

    def write(name: str, done: int, total: int) -> None:
        if refusals:
            return
        if core.database.file is not None:
            connection = sqlite3.connect(core.database.file, timeout=0)
            with closing(connection), pytest.raises(sqlite3.OperationalError, match="locked") as refusal:
                connection.execute("UPDATE stellary_users SET name = 'Other'")
        else:
            url = make_url(core.database.engine.url).set(drivername="postgresql")
            with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
                connection.execute("SET lock_timeout = 1")
                with pytest.raises(psycopg.errors.LockNotAvailable) as refusal:
                    connection.execute("UPDATE stellary_users SET name = 'Other'")
        refusals.append(refusal)

    copy(core, target, on_progress=write)
    assert refusals


def test_source_that_is_written_to_is_refused(postgres_url, tmp_path, monkeypatch):
    source, target = Database(postgres_url), Database(f"sqlite:///{tmp_path / 'copy.db'}")
    monkeypatch.setattr(migrations, "_NO_LIMITS", text("SELECT set_config('lock_timeout', '50ms', true)"))
    with source.writing() as connection:
        connection.execute(activities.delete())
        with pytest.raises(CopyFailed, match="the source is in use; stop its servers first"):
            copy_database(source, target, lambda connection: {})
    assert list_tables(target) == []
    source.close()
    target.close()


def test_missing_file_is_reported(core, board, target, tmp_path):
    with core.database.reading() as connection:
        (key,) = core.list_files(connection)
    core.env.blobs.delete([key])
    copied = copy(core, target, stores=(core.env.blobs, FolderBlobs(Path(tmp_path / "copied"))))
    assert (copied.files, copied.lost) == (0, [key])
