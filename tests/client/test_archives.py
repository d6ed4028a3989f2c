"""Archives in the client: their content, refusals before the first request, and undone imports."""

import asyncio
import copy
import io
import pickle
import threading
import zipfile
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary import (
    AsyncStellary,
    Conflict,
    ConnectionFailed,
    Invalid,
    NotFound,
    NotImported,
    Stellary,
    UnsuitableFile,
)
from stellary.client.calling import retries
from stellary.client.testing import RecordingPort, make
from stellary.client.transfer.archive import PROJECT_MAX
from stellary.contract.attachments import SIZE_MAX, Attachment
from stellary.contract.errors import ServerError
from stellary.contract.port import RawResponse
from stellary.contract.project_imports import NotCarried, ProjectImport
from tests.support.colours import run_client

ANN = {"name": "Ann", "email": "user@example.com"}
BOB = {"name": "Bob", "email": "bob@example.com"}
FILES = {"a1": b"Hello.", "a2": b"", "a3": bytes(range(256)) * 1000}


def attachment(id, size, name="notes.txt", by=ANN):
    return {"id": id, "originalName": name, "mimeType": "text/plain", "size": size, "uploadedBy": by}


PROJECT = {
    "project": {"name": "Launch"},
    "columns": [{"name": "To Do"}],
    "cards": [
        {"id": "k1", "title": "a", "columnIndex": 0, "attachments": [attachment("a1", 6)]},
        {"id": "k2", "title": "b", "columnIndex": 0},
        {
            "id": "k3",
            "title": "c",
            "columnIndex": 0,
            "attachments": [attachment("a2", 0, "empty"), attachment("a3", 256_000, "c.bin", BOB)],
        },
    ],
}
LEFT = NotCarried(kind="attachment", path="cards[0].attachments[0]", name="notes.txt", count=1, reason="x")
KEY = NotCarried(kind="key", path="project.key", name="QX", count=1, reason="x")
MADE = make(
    ProjectImport, id="p2", card_ids=["n1", "n2", "n3"], ignored=["cards[].cover"], not_carried=[LEFT, KEY]
)


def archive(project=PROJECT, files=FILES, **more):
    """Return the bytes of an archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        if project is not None:
            packed.writestr("project.json", project if isinstance(project, bytes) else orjson.dumps(project))
        for id, data in files.items():
            packed.writestr(f"files/{id}", data)
        for name, data in more.items():
            packed.writestr(name, data)
    return held.getvalue()


class Importing(RecordingPort):
    """A port that accepts imports and uploads, and fails at the n-th upload."""

    def __init__(self, fails=0, error=None):
        super().__init__()
        self.fails, self.error, self.uploads = fails, error or Conflict("no room"), 0
        self.answer("projects.import", MADE)
        self.answer("attachments.upload", self._upload)

    def _upload(self, request):
        self.uploads += 1
        return self.error if self.uploads == self.fails else make(Attachment)

    @property
    def changes(self):
        return [request for request in self.requests if request.method != "GET"]


class Exporting(RecordingPort):
    """A port that returns a project and its files, some of which are deleted during the export."""

    def __init__(self, *gone_ids):
        super().__init__()
        self.gone, self.missing = list(gone_ids), []
        self.answer("projects.export", lambda request: RawResponse(200, {}, orjson.dumps(self.project)))
        self.answer("attachments.download", self._download)

    @property
    def project(self):
        project = copy.deepcopy(PROJECT)
        for card in project["cards"]:
            attachments = [
                attachment
                for attachment in card.get("attachments", [])
                if attachment["id"] not in self.missing
            ]
            card["attachments"] = attachments
        return project

    def _download(self, request):
        id = request.path.split("/")[-1]
        if id in self.gone:
            self.missing.append(id)
            return NotFound("Attachment not found")
        data = FILES[id]
        if not data:
            return RawResponse(200, {}, b"")
        start, end = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
        part = data[start : end + 1]
        return RawResponse(206, {"content-range": f"bytes {start}-{start}/{len(data)}"}, part)


def blocking(port, call, colour=Stellary):
    return run_client(colour.embedded(port), lambda client: call(client.workspace("acme", "eng")))


@pytest.fixture
def ask(colour):
    return partial(blocking, colour=colour)


# ---------------------------------------------------------------------------------------------- out


def test_archive_contains_project_and_files_by_id(ask, tmp_path, monkeypatch):
    monkeypatch.setattr("stellary.client.resources.attachments.PART", 100_000)
    progress_calls = []
    path = tmp_path / "launch.zip"
    path.write_bytes(b"old")
    saved_path = ask(
        Exporting(),
        lambda ws: ws.project("p1").export_archive(path, progress=lambda *how: progress_calls.append(how)),
    )
    assert saved_path == path
    with zipfile.ZipFile(path) as packed:
        assert packed.namelist() == ["project.json", "files/a1", "files/a2", "files/a3"]
        assert orjson.loads(packed.read("project.json"))["cards"][2]["attachments"][1]["id"] == "a3"
        assert {id: packed.read(f"files/{id}") for id in FILES} == FILES
    assert progress_calls == [(at, 256_006) for at in (6, 6, 100_006, 200_006, 256_006)]
    assert list(tmp_path.iterdir()) == [path]


def test_file_deleted_during_export_is_not_in_archive(ask, tmp_path):
    path = ask(Exporting("a1"), lambda ws: ws.project("p1").export_archive(tmp_path / "launch.zip"))
    with zipfile.ZipFile(path) as packed:
        assert packed.namelist() == ["project.json", "files/a2", "files/a3"]
        assert orjson.loads(packed.read("project.json"))["cards"][0]["attachments"] == []
    assert ask(Importing(), lambda ws: ws.projects.import_archive(path)).id == "p2"


def test_failed_export_keeps_existing_file(ask, tmp_path):
    path = tmp_path / "launch.zip"
    path.write_bytes(b"old")
    with pytest.raises(NotFound):
        ask(Exporting("a1", "a2", "a3"), lambda ws: ws.project("p1").export_archive(path))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------------------------------------- in


def test_files_are_uploaded_to_imported_cards(ask):
    port, progress_calls = Importing(), []
    imported = ask(
        port,
        lambda ws: ws.projects.import_archive(archive(), progress=lambda *how: progress_calls.append(how)),
    )
    assert [(request.operation, request.path.split("/")[-2]) for request in port.changes] == [
        ("projects.import", "projects"),
        ("attachments.upload", "n1"),
        ("attachments.upload", "n3"),
        ("attachments.upload", "n3"),
    ]
    assert port.changes[0].body == PROJECT
    for upload, (id, name) in zip(
        port.changes[1:], [("a1", "notes.txt"), ("a2", "empty"), ("a3", "c.bin")], strict=True
    ):
        head, _, content = upload.body.partition(b"\r\n\r\n")
        assert f'filename="{name}"\r\nContent-Type: text/plain' in head.decode()
        assert content.rpartition(b"\r\n--")[0] == FILES[id]
    assert (progress_calls[0], progress_calls[-1]) == ((6, 256_006), (256_006, 256_006))
    assert imported.ignored == ["cards[].cover"]
    losses = [(item.kind, item.name, item.count) for item in imported.not_carried]
    assert losses == [("key", "QX", 1), ("creator", "Bob", 1)]


@pytest.mark.parametrize("kind", ["path", "text", "open", "bytes"])
def test_archive_can_be_path_open_file_or_bytes(tmp_path, kind):
    path = tmp_path / "launch.zip"
    path.write_bytes(archive())
    with path.open("rb") as file:
        source = {"path": path, "text": str(path), "open": file, "bytes": archive()}[kind]
        assert blocking(Importing(), lambda ws: ws.projects.import_archive(source)).id == "p2"
        assert not file.closed


@pytest.mark.parametrize("file", [5, io.StringIO("x"), None])
def test_unsupported_source_raises_type_error(file):
    with pytest.raises(TypeError, match="an archive must be a path, bytes"):
        blocking(Importing(), lambda ws: ws.projects.import_archive(file))


def test_archive_without_files_sends_one_request():
    port = Importing()
    imported = blocking(port, lambda ws: ws.projects.import_archive(archive({"project": {"name": "x"}}, {})))
    assert (imported.id, [request.operation for request in port.requests]) == ("p2", ["projects.import"])


def test_unknown_members_are_reported_as_ignored():
    more = {"notes.txt": b"x", "files/../../etc/passwd": b"x", "files/": b""}
    imported = blocking(Importing(), lambda ws: ws.projects.import_archive(archive(**more)))
    assert imported.ignored == ["cards[].cover", "files/../../etc/passwd", "notes.txt"]
    many = {f"n{number:03}": b"" for number in range(120)}
    imported = blocking(Importing(), lambda ws: ws.projects.import_archive(archive(**many)))
    assert (len(imported.ignored), imported.ignored[-1]) == (102, "and 20 more files")


def with_attachment(**changes):
    project = copy.deepcopy(PROJECT)
    project["cards"][0]["attachments"][0] |= changes
    return project


def change_header(data, **header):
    """Return an archive with other values in the directory entry of its first member."""
    at = data.index(b"PK\1\2")
    for place, (size, number) in {"flags": (8, 1), "packing": (10, 99)}.items():
        if place in header:
            data = data[: at + size] + number.to_bytes(2, "little") + data[at + size + 2 :]
    return data


def duplicate_member():
    held = io.BytesIO(archive())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(held, "a") as packed:
        packed.writestr("files/a1", b"World.")
    return held.getvalue()


WRONG = {
    "no archive": (lambda: b"{}", "it is not a ZIP file, or it is damaged"),
    "cut": (lambda: archive()[:-30], "it is not a ZIP file, or it is damaged"),
    "no project": (lambda: archive(None), "it has no project.json"),
    "no JSON": (
        lambda: archive(b"nonsense"),
        "not an exported project: it is not valid JSON at line 1 column 1",
    ),
    "a list": (lambda: archive(b"[]"), "not an exported project: it holds a list, not an object"),
    "too much": (
        lambda: archive(b" " * (PROJECT_MAX + 1)),
        f"project.json has {PROJECT_MAX + 1} bytes, and must not have more than {PROJECT_MAX}",
    ),
    "missing": (
        lambda: archive(files={"a1": FILES["a1"], "a2": b""}),
        "files/a3 is missing, which is 'c.bin' (cards[2].attachments[1])",
    ),
    "shorter": (lambda: archive(files=FILES | {"a1": b"Hell."}), "files/a1 has 5 bytes, and should have 6"),
    "oversized": (
        lambda: archive(with_attachment(size=SIZE_MAX + 1)),
        f"cards[0].attachments[0] must not be larger than {SIZE_MAX} bytes",
    ),
    "no id": (
        lambda: archive(with_attachment(id=None)),
        "cards[0].attachments[0].id must be the name of a file",
    ),
    "no size": (
        lambda: archive(with_attachment(size=True)),
        "cards[0].attachments[0].size must be its number of bytes",
    ),
    "twice": (
        lambda: archive(with_attachment(id="a2", size=0)),
        "cards[2].attachments[0].id must not be that of another file",
    ),
    "two of a name": (duplicate_member, "it has two files named 'files/a1'"),
    "encrypted": (lambda: change_header(archive(), flags=1), "project.json is encrypted"),
    "packed otherwise": (
        lambda: change_header(archive(), packing=99),
        "project.json uses an unsupported compression method",
    ),
    "damaged": (
        lambda: (data := archive())[: (at := data.index(b"files/a3") + 60)] + b"\xff" * 8 + data[at + 8 :],
        "files/a3 is damaged: ",
    ),
}


@pytest.mark.slow("reads archives of maximum size")
@pytest.mark.parametrize("case", WRONG)
def test_invalid_archive_raises_before_first_request(case):
    data, message = WRONG[case]
    port = Importing()
    with pytest.raises(UnsuitableFile) as caught:
        blocking(port, lambda ws: ws.projects.import_archive(data()))
    assert message in str(caught.value)
    assert port.requests == []


@given(at=st.integers(0, len(archive()) - 1), byte=st.integers(0, 255))
def test_corrupted_byte_is_detected_or_harmless(at, byte):
    data = archive()
    data = data[:at] + bytes([byte]) + data[at + 1 :]
    port = Importing()
    try:
        blocking(port, lambda ws: ws.projects.import_archive(data))
    except UnsuitableFile:
        assert port.requests == []
    else:
        assert port.changes[0].body == PROJECT
        assert [FILES[id] in upload.body for id, upload in zip(FILES, port.changes[1:], strict=True)] == [
            True
        ] * 3


# ---------------------------------------------------------------------------------------------- what is undone


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_failed_upload_deletes_imported_project(ask, fails):
    port = Importing(fails)
    with pytest.raises(NotImported) as caught:
        ask(port, lambda ws: ws.projects.import_archive(archive()))
    name = ["notes.txt", "empty", "c.bin"][fails - 1]
    assert str(caught.value).startswith(
        f"{name} could not be uploaded, and the project was deleted again: 409 Conflict: no room (POST "
    )
    assert (caught.value.file, caught.value.project_id) == (name, None)
    assert isinstance(caught.value.__cause__, Conflict)
    last = port.requests[-1]
    assert (last.operation, last.path.split("/")[-1]) == ("projects.delete", "p2")
    assert port.uploads == fails


def test_failed_deletion_is_reported_with_project_id(ask):
    port = Importing(2)
    port.answer("projects.delete", Invalid("not now"))
    with pytest.raises(
        NotImported, match="empty could not be uploaded, and the project p2 could not be"
    ) as caught:
        ask(port, lambda ws: ws.projects.import_archive(archive()))
    assert caught.value.project_id == "p2"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.file, again.project_id) == (str(caught.value), "empty", "p2")


def test_already_deleted_project_counts_as_undone(ask):
    port = Importing(1, NotFound("Card not found"))
    port.answer("projects.delete", NotFound("Project not found"))
    with pytest.raises(NotImported, match="the project was deleted again"):
        ask(port, lambda ws: ws.projects.import_archive(archive()))


def test_rejected_import_deletes_nothing(ask):
    port = Importing()
    port.answer("projects.import", Invalid("columns must have at most 50 items"))
    with pytest.raises(Invalid, match="at most 50"):
        ask(port, lambda ws: ws.projects.import_archive(archive()))
    assert [request.operation for request in port.changes] == ["projects.import"]


def test_import_repeated_with_same_key_resumes(ask):
    port = Importing(2, ServerError("oh"))

    def imports(ws):
        return ws.projects.with_options(idempotency_key="k", retries=0).import_archive(archive())

    with pytest.raises(
        NotImported, match="lacks files until the import is repeated with the same key"
    ) as caught:
        ask(port, imports)
    assert caught.value.project_id == "p2"
    ask(port, imports)
    keys = [request.headers["idempotency-key"] for request in port.changes]
    assert [keys[0], keys[3]] == ["k", "k"]
    assert keys[1:3] == keys[4:6]
    assert len(set(keys)) == 4


def test_upload_without_answer_is_repeated_whatever_the_version_of_the_import(ask, monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_FIRST", 0.001)

    def break_first(request):
        if len(port.changes) == 2:
            raise ConnectionFailed("the connection was reset")
        return make(Attachment)

    port = Importing()
    port.answer("attachments.upload", break_first)
    ask(port, lambda ws: ws.projects.with_options(if_match=3).import_archive(archive()))
    assert [request.operation for request in port.changes] == ["projects.import", *["attachments.upload"] * 4]


def test_interrupted_import_deletes_project():
    def interrupt(request):
        raise KeyboardInterrupt

    port = Importing()
    port.answer("attachments.upload", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        blocking(port, lambda ws: ws.projects.import_archive(archive()))
    assert caught.value.__notes__ == ["the project was deleted again"]
    assert port.requests[-1].operation == "projects.delete"


@pytest.mark.parametrize("when", ["upload", "reading"])
def test_cancelled_import_deletes_project(when, monkeypatch):
    """Cancel during a call, or while a thread reads a file."""
    port, started, end = Importing(), threading.Event(), threading.Event()

    def wait(*_):
        started.set()
        end.wait(10)
        return make(Attachment)

    if when == "upload":
        port.answer("attachments.upload", wait)
    else:
        monkeypatch.setattr("stellary.client.transfer.archive.ReadArchive.unpack", wait)

    async def import_and_cancel():
        async with AsyncStellary.embedded(port) as client:
            going = asyncio.ensure_future(client.workspace("acme", "eng").projects.import_archive(archive()))
            await asyncio.to_thread(started.wait, 10)
            going.cancel()
            asyncio.get_running_loop().call_later(0.05, end.set)
            with pytest.raises(asyncio.CancelledError):
                await going

    asyncio.run(import_and_cancel())
    assert port.requests[-1].operation == "projects.delete"
