"""Files from the client's side: the bytes of the form, what is told before anything is sent, and attempts that begin anew."""

from __future__ import annotations

import asyncio
import io
import os
import re
from pathlib import Path

import pytest

from stellary import AsyncStellary, Stellary, StellaryError, TooLarge, Unavailable
from stellary.client.calling import retries
from stellary.client.calling.form import BLOCK, Form
from stellary.client.resources import attachments
from stellary.client.testing import RecordingPort, make
from stellary.contract.attachments import SIZE_MAX, Attachment
from stellary.contract.errors import ApiError
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from stellary.core.api.uploads import Upload
from tests.client.misbehaving import answer, misbehaving, reset
from tests.client.test_failures import Awaiting, Blocking

PLACE = ("acme", "eng", "665f1a2b3c4d5e6f7a8b9c0d", "665f1a2b3c4d5e6f7a8b9c0e")
ID = "665f1a2b3c4d5e6f7a8b9c0f"
MADE = make(Attachment, id=ID, original_name="notes.txt")
GOOD = answer("201 Created", dump(MADE))


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_FIRST", 0.001)


@pytest.fixture(params=[Blocking, Awaiting], ids=["blocking", "awaiting"])
def colour(request):
    return request.param


@pytest.fixture
def server():
    with misbehaving() as server:
        yield server


def files_of(client):
    org, workspace, project, card = PLACE
    return client.workspace(org, workspace).project(project).card(card).attachments


def understood(form: Form | bytes, content_type: str | None = None) -> tuple[str | None, str | None, bytes]:
    """The name, the type and the bytes, as the core reads them."""
    with Upload(content_type or form.content_type) as upload:
        upload.feed_all([form] if isinstance(form, bytes) else form)
        upload.finish()
        return upload.name, upload.mime_type, upload.file.read()


def body(request: bytes) -> tuple[bytes, str]:
    head, _, sent = request.partition(b"\r\n\r\n")
    assert int(re.search(rb"(?i)content-length: (\d+)", head)[1]) == len(sent)
    return sent, re.search(rb"(?i)content-type: ([^\r]+)", head)[1].decode()


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        'say "hi".txt',
        "a\r\nb.txt",
        "naïve 日本.txt",
        "100%.txt",
        "a;b=c.txt",
        "a%22b.txt",
        "x; filename*=utf-8''y.txt",
        "50% of 日本.txt",
    ],
)
def test_a_form_says_what_the_core_reads(name):
    form = Form(b"Hello.", name, None, None)
    assert understood(form) == (name, "text/plain", b"Hello.")
    assert sum(map(len, form)) == form.length


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_file_is_sent_in_blocks(size):
    told = []
    form = Form(b"x" * size, "x", "text/plain", lambda *how: told.append(how))
    blocks = list(form)
    assert max(map(len, blocks)) <= max(BLOCK, 200)
    assert told == [(min(sent + BLOCK, size), size) for sent in range(0, size, BLOCK)]
    assert understood(form)[2] == b"x" * size


def test_a_path_an_open_file_and_bytes_will_do(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Hello.")
    assert understood(Form(path, None, None, None)) == ("notes.txt", "text/plain", b"Hello.")
    assert understood(Form(str(path), "b", "image/png", None)) == ("b", "image/png", b"Hello.")
    with path.open("rb") as file:
        file.seek(2)
        assert understood(Form(file, None, None, None)) == ("notes.txt", "text/plain", b"llo.")
    assert understood(Form(memoryview(b"Hello."), "b", None, None))[1:] == (
        "application/octet-stream",
        b"Hello.",
    )


def test_each_attempt_begins_where_the_file_stood(server, colour):
    file = io.BytesIO(b"0123456789" * 30_000)
    file.seek(5)
    server.then(reset, answer("503 Service Unavailable", b""), GOOD)
    made = colour.ask(server.url, lambda client: files_of(client).upload(file, name="notes.txt"))
    assert made == MADE
    bodies = [body(request) for request in server.requests[1:]]
    assert [understood(*each)[2] for each in bodies] == [file.getvalue()[5:]] * 2
    keys = {re.search(rb"(?i)idempotency-key: (\w+)", request)[1] for request in server.requests[1:]}
    assert len(keys) == 1
    assert not file.closed


def test_what_cannot_be_rewound_is_read_at_once(server):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"Hello.")
    server.then(answer("503 Service Unavailable", b""), GOOD)
    with os.fdopen(reading, "rb") as file:
        Blocking.ask(server.url, lambda client: files_of(client).upload(file, name="notes.txt"))
    assert [understood(*body(request))[2] for request in server.requests] == [b"Hello."] * 2


def test_what_is_too_large_is_told_before_it_is_sent(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(SIZE_MAX + 1)
    port = RecordingPort()
    with pytest.raises(TooLarge, match="this one has 10485761"):
        files_of(Stellary.embedded(port)).upload(path)
    assert port.requests == []
    with path.open("r+b") as file:
        file.truncate(SIZE_MAX)
    assert files_of(Stellary.embedded(port)).upload(path).id


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"x", "needs a name"),
        (io.BytesIO(b"x"), "needs a name"),
        (io.StringIO("x"), "reading bytes"),
        (5, "not int"),
    ],
)
def test_what_is_no_file_is_a_type_error(file, said):
    with pytest.raises(TypeError, match=said):
        files_of(Stellary.embedded(RecordingPort())).upload(file)


@pytest.mark.parametrize("type", ["text/plain\r\nX: y", "täxt/plain"])
def test_a_type_that_cannot_stand_in_a_header_is_refused(type):
    with pytest.raises(ValueError, match="cannot be the type"):
        Form(b"x", "x", type, None)


def test_a_file_that_shrinks_is_told(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Hello.")
    form = Form(path, None, None, None)
    path.write_bytes(b"H")
    with pytest.raises(StellaryError, match="shorter"):
        list(form)


# ------------------------------------------------------------------------------------------------- downloads


class Ranged(RecordingPort):
    """Answers with a file, in parts where they are asked for, and fails now and then."""

    def __init__(self, data: bytes, fails: int = 0) -> None:
        super().__init__()
        self.data, self.fails, self.asked = data, fails, []
        self.answer("attachments.download", self._part)

    def _part(self, asked):
        said = asked.headers.get("range")
        self.asked.append(said)
        if len(self.asked) == self.fails:
            return Unavailable("later")
        if said is None or not self.data:
            return RawResponse(200, {}, self.data)
        start, end = map(int, said.removeprefix("bytes=").split("-"))
        part = self.data[start : end + 1]
        told = f"bytes {start}-{start + len(part) - 1}/{len(self.data)}"
        return RawResponse(206, {"content-range": told}, part)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(attachments, "PART", 10)


def test_a_download_is_bytes():
    assert files_of(Stellary.embedded(Ranged(b"Hello."))).download(ID) == b"Hello."


@pytest.mark.parametrize("size", [0, 9, 10, 11, 20, 35])
def test_blocks_are_asked_for_one_by_one(size):
    data = bytes(range(size))
    port = Ranged(data)
    client = Stellary.embedded(port)
    blocks = files_of(client).blocks(MADE)
    assert port.asked == []
    assert b"".join(blocks) == data
    assert port.asked[0] == "bytes=0-9"
    assert len(port.asked) == max(1, -(-size // 10))


def test_a_part_that_fails_is_asked_for_again():
    port = Ranged(bytes(range(25)), fails=2)
    files = files_of(Stellary.embedded(port)).with_options(retries=1)
    assert b"".join(files.blocks(ID)) == port.data
    assert port.asked == ["bytes=0-9", "bytes=10-19", "bytes=10-19", "bytes=20-29"]


def test_a_download_replaces_what_was_there(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    assert files_of(Stellary.embedded(Ranged(bytes(range(25))))).download_to(ID, path) == path
    assert path.read_bytes() == bytes(range(25))
    assert list(tmp_path.iterdir()) == [path]


def test_a_download_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    files = files_of(Stellary.embedded(Ranged(bytes(range(25)), fails=2))).with_options(retries=0)
    with pytest.raises(ApiError):
        files.download_to(ID, str(path))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_all_of_it_can_be_awaited(tmp_path):
    port = Ranged(bytes(range(25)))

    async def ask() -> tuple[bytes, bytes, Path]:
        async with AsyncStellary.embedded(port) as client:
            files = files_of(client)
            await files.upload(b"Hello.", name="hello.txt")
            blocks = b"".join([block async for block in files.blocks(ID)])
            return await files.download(ID), blocks, await files.download_to(ID, tmp_path / "a")

    assert asyncio.run(ask()) == (port.data, port.data, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == port.data


def test_a_download_that_fails_can_be_awaited(tmp_path):
    async def ask() -> None:
        async with AsyncStellary.embedded(Ranged(bytes(range(25)), fails=2)) as client:
            await files_of(client).with_options(retries=0).download_to(ID, tmp_path / "a")

    with pytest.raises(ApiError):
        asyncio.run(ask())
    assert list(tmp_path.iterdir()) == []


def test_a_transfer_may_take_its_time(server, monkeypatch):
    monkeypatch.setattr(retries, "READ", 0.001)
    monkeypatch.setattr(retries, "WHOLE", 0.001)
    server.then(GOOD)
    Blocking.ask(server.url, lambda client: files_of(client).upload(b"x", name="notes.txt"))
