"""Attachments: never a row without its file, and no file without a row for longer than one sweep."""

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select

from stellary.core import NOBODY
from stellary.core.board import attachments
from tests.support.blobs import list_blob_keys
from tests.support.forms import FORM, form
from tests.support.tables import attachments as table
from tests.support.tables import cards
from tests.support.world import World


class Files:
    """A card of Ann's, and its files."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.core = world.core
        self.ann = world.person()
        self.workspace = world.workspace(self.ann)
        self.project = world.project(self.ann, self.workspace)
        self.card = f"{self.project.path}/cards/{world.card(self.ann, self.project)['id']}"
        self.path = f"{self.card}/attachments"

    def upload(self, data: bytes = b"Hello.", **headers: str) -> Any:
        return self.world.call(self.ann, "POST", self.path, form(data), content_type=FORM, **headers)

    def create(self) -> str:
        answer = self.upload()
        assert answer.status == 201, answer
        return f"{self.path}/{orjson.loads(answer.body)['id']}"

    def blobs(self) -> list[str]:
        return list_blob_keys(self.core)

    def rows(self) -> list[str]:
        with self.core.view(NOBODY) as uow:
            return sorted(uow.connection.execute(select(table.c.blob_key)).scalars())

    def count(self) -> int:
        return self.world.ask(self.ann, "GET", self.card)["attachmentCount"]

    def purge(self, path: str) -> None:
        """Delete a file, also from the trash."""
        self.world.ask(self.ann, "DELETE", path)
        trash = f"{self.workspace.path}/trash"
        for item in self.world.ask(self.ann, "GET", trash):
            self.world.ask(self.ann, "DELETE", f"{trash}/{item['id']}")
        self.core.work.run_due()

    def sweep_later(self) -> int:
        """Sweep as if an hour had passed. Files have the machine's date, not that of the core's clock."""
        self.world.stop_clock().now = self.core.env.clock() + attachments.SWEEP_AFTER + timedelta(seconds=1)
        return self.core.sweep()


@pytest.fixture
def files(world: World) -> Files:
    return Files(world)


def test_files_are_listed_counted_and_deleted(files):
    first, second = files.create(), files.create()
    assert [attachment["id"] for attachment in files.world.ask(files.ann, "GET", files.path)] == [
        path.rpartition("/")[2] for path in (first, second)
    ]
    assert files.count() == 2
    assert files.world.ask(files.ann, "DELETE", first) == {"ok": True}
    # The trash keeps the file.
    assert (files.count(), len(files.blobs())) == (1, 2)
    assert (
        files.world.status(files.ann, "DELETE", first) == files.world.status(files.ann, "GET", first) == 404
    )


def test_a_file_leaves_the_version_and_touches_the_card(files):
    before = files.world.ask(files.ann, "GET", files.card)
    clock = files.world.stop_clock()
    files.create()
    after = files.world.ask(files.ann, "GET", files.card)
    assert after["version"] == before["version"]
    assert (
        after["updatedAt"]
        == clock.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")[:19]
        + (after["updatedAt"][19:])
    )


def test_a_unit_that_fails_leaves_neither_row_nor_file(files, monkeypatch):
    def fail(*_: object) -> None:
        assert len(files.blobs()) == 1
        raise RuntimeError("between the file and the row")

    monkeypatch.setattr(attachments, "clean_name", fail)
    assert files.upload().status == 500
    assert files.rows() == files.blobs() == []
    assert files.count() == 0


def test_a_process_that_dies_between_file_and_row_leaves_a_file_that_is_swept(files, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(attachments, "clean_name", lambda _: (_ for _ in ()).throw(SystemExit))
        # A process that has died deletes nothing.
        dying.setattr(files.core.env.blobs, "delete", lambda keys: None)
        with pytest.raises(SystemExit):
            files.upload()
    assert (files.rows(), len(files.blobs()), files.count()) == ([], 1, 0)
    path = files.create()
    assert files.core.sweep() == 0
    assert files.sweep_later() == 1
    assert files.rows() == files.blobs()
    assert files.world.call(files.ann, "GET", path).body == b"Hello."


def test_a_commit_that_fails_leaves_its_file_to_the_sweep(files, monkeypatch):
    database = files.core.database
    writing = database.writing

    @contextmanager
    def fail_at_commit(*arguments, **options):
        with writing(*arguments, **options) as connection:
            yield connection
            raise RuntimeError("at the commit")

    with monkeypatch.context() as failing:
        failing.setattr(database, "writing", fail_at_commit)
        assert files.upload().status == 500
    assert (files.rows(), len(files.blobs())) == ([], 1)
    assert files.sweep_later() == 1
    assert files.blobs() == []


def test_a_commit_whose_answer_is_lost_keeps_file_and_row(files, monkeypatch):
    begin = files.core.units.transaction

    @contextmanager
    def cut_off(*arguments: Any):
        with begin(*arguments) as uow:
            yield uow
        raise ConnectionError("after the commit")

    with monkeypatch.context() as cutting:
        cutting.setattr(files.core.units, "transaction", cut_off)
        assert files.upload(idempotency_key="k").status == 500
    assert files.rows() == files.blobs() != []
    assert files.upload(idempotency_key="k").headers["idempotency-replayed"] == "true"
    assert files.rows() == files.blobs()
    assert files.sweep_later() == 0


def test_a_file_that_cannot_be_written_gets_no_row(files, monkeypatch):
    def full(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(files.core.env.blobs, "put", full)
    assert files.upload().status == 500
    assert files.rows() == []


def test_upload_to_a_concurrently_deleted_card_stores_no_file(files, monkeypatch):
    check_access = attachments.access.card

    def slow(uow, ref):
        loaded = check_access(uow, ref)
        uow.connection.execute(delete(cards).where(cards.c.id == loaded.card.id))
        return loaded

    monkeypatch.setattr(attachments.access, "card", slow)
    assert files.upload().status == 404
    assert files.rows() == files.blobs() == []


def test_concurrently_deleted_file_is_not_counted_twice(files, monkeypatch):
    path, check_access = files.create(), attachments.access.attachment

    def slow(uow, ref):
        loaded = check_access(uow, ref)
        uow.connection.execute(delete(table).where(table.c.id == loaded.row.id))
        return loaded

    monkeypatch.setattr(attachments.access, "attachment", slow)
    assert files.world.status(files.ann, "DELETE", path) == 404
    assert (files.count(), len(files.rows())) == (1, 1)


@pytest.mark.parametrize("what", ["card", "project", "workspace", "organization"])
def test_deletion_removes_the_files_of_attachments(files, what):
    files.create()
    place = {
        "card": files.card,
        "project": files.project.path,
        "workspace": files.workspace.path,
        "organization": files.workspace.organization.path,
    }[what]
    if what in ("card", "project"):
        files.world.ask(files.ann, "DELETE", place)
        assert files.rows() == []
        trash = f"{files.workspace.path}/trash"
        (item,) = files.world.ask(files.ann, "GET", trash)
        assert (files.sweep_later(), len(files.blobs())) == (0, 1)
        files.world.ask(files.ann, "DELETE", f"{trash}/{item['id']}")
        files.core.work.run_due()
    else:
        files.world.delete_for_good(files.ann, place)
        assert (files.rows(), files.sweep_later()) == ([], 1)
    assert files.blobs() == []


def test_a_host_can_put_a_file_by_itself_and_undo_it(files):
    from stellary.contract.refs import CardRef
    from stellary.core import StoredFile
    from tests.support.core_parts import new_key

    key = new_key()
    files.core.env.blobs.put(key, b"Hello.")
    ref = files.project.ref.child(CardRef, files.card.rpartition("/")[2])
    with files.core.begin(files.ann.actor) as uow:
        attachment = attachments.upload_attachment(uow, ref, StoredFile(key, "a.txt", None, 6, "0" * 64))
    assert (attachment.original_name, attachment.mime_type, attachment.size) == ("a.txt", "text/plain", 6)


def test_a_port_reads_a_body_block_by_block_and_answers_whole(files):
    from stellary.contract.port import RawRequest

    data = form(b"x" * 100_000)
    blocks = [b"", *(data[start : start + 7] for start in range(0, len(data), 7))]
    port = files.core.port(files.ann.actor)
    created = port.send(RawRequest("POST", files.path, headers={"content-type": FORM}, blocks=blocks))
    assert created.status == 201
    path = f"{files.path}/{orjson.loads(created.body)['id']}"
    assert port.send(RawRequest("GET", path)).body == b"x" * 100_000


def test_port_reports_an_interrupted_download(files, monkeypatch):
    from stellary.contract.errors import Unavailable

    def broken(*_: object):
        yield b"Hel"
        raise Unavailable("the file store is not available; try again")

    path = files.create()
    monkeypatch.setattr(files.core.env.blobs, "read", broken)
    assert files.world.status(files.ann, "GET", path) == 503


@pytest.mark.parametrize("kind", ["card", "column", "project"])
def test_copies_share_the_bytes_of_files(files: Files, kind: str):
    """The bytes stay until the last of the files is purged, whichever was the first."""
    world, ann, flat = files.world, files.ann, files.workspace.path
    before = set(files.blobs())
    file = files.create()
    column = f"{files.project.path}/columns/{files.project.column_ids[0]}"
    source = {"card": files.card, "column": column, "project": files.project.path}[kind]
    assert world.ask(ann, "GET", files.card)["attachmentCount"] == 1
    body = {"name": "Copy"} if kind == "project" else {"attachments": True}
    copy = world.ask(ann, "POST", f"{source}/duplicate", body)
    project = f"{flat}/projects/{copy['id'] if kind == 'project' else files.project.id}"
    if kind == "column":
        (card,) = world.ask(ann, "GET", f"{project}/cards?columnId={copy['id']}")
    else:
        card = copy if kind == "card" else world.ask(ann, "GET", f"{project}/cards")[0]
    assert (card["attachmentCount"], copy.get("notCarried", [])) == (1, [])
    copied = f"{project}/cards/{card['id']}"
    (listed,) = world.ask(ann, "GET", f"{copied}/attachments")
    original = world.ask(ann, "GET", f"{files.card}/attachments")[0]
    assert listed == original | {"id": listed["id"], "cardId": card["id"]}
    for path in (file, f"{copied}/attachments/{listed['id']}"):
        assert len(set(files.blobs()) - before) == 1
        response = world.call(ann, "GET", path)
        assert b"".join(response.blocks or [response.body]) == b"Hello."
        files.purge(path)
    assert set(files.blobs()) == before


def test_files_are_copied_only_if_asked_for(files: Files):
    files.create()
    copy = files.world.ask(files.ann, "POST", f"{files.card}/duplicate", {})
    assert (copy["attachmentCount"], len(files.rows())) == (0, 1)
