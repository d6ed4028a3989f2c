"""Files in the client: the bytes of the form, errors before the first request, and retries."""

import io
import os
import re

import pytest

from stellary import Stellary, StellaryError, TooLarge, Unavailable
from stellary.client.calling import retries
from stellary.client.calling.form import BLOCK, Form
from stellary.client.resources import attachments
from stellary.client.testing import RecordingPort, make
from stellary.contract.attachments import SIZE_MAX, Attachment
from stellary.contract.errors import ApiError
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from tests.client.misbehaving import answer, reset
from tests.support.colours import resolve, run_client
from tests.support.core_parts import Upload
from tests.support.each_case import for_each

PLACE = ("acme", "eng", "665f1a2b3c4d5e6f7a8b9c0d", "665f1a2b3c4d5e6f7a8b9c0e")
ID = "665f1a2b3c4d5e6f7a8b9c0f"
MADE = make(Attachment, id=ID, original_name="notes.txt")
GOOD = answer("201 Created", dump(MADE))


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_FIRST", 0.001)


def ask(colour, url, call):
    return run_client(colour(url, token="synth_x"), lambda client: call(files_of(client)))


def files_of(client):
    org, workspace, project, card = PLACE
    return client.workspace(org, workspace).project(project).card(card).attachments


def parse_form(form: Form | bytes, content_type: str | None = None) -> tuple[str | None, str | None, bytes]:
    """Return the name, the type and the bytes that the core parses."""
    with Upload(content_type or form.content_type) as upload:
        upload.feed_all([form] if isinstance(form, bytes) else form)
        upload.finish()
        return upload.name, upload.mime_type, upload.file.read()


def body(request: bytes) -> tuple[bytes, str]:
    head, _, sent = request.partition(b"\r\n\r\n")
    assert int(re.search(rb"(?i)content-length: (\d+)", head)[1]) == len(sent)
    return sent, re.search(rb"(?i)content-type: ([^\r]+)", head)[1].decode()


@for_each(
    "name",
    [
        *("notes.txt", 'say "hi".txt', "a\r\nb.txt", "naïve 日本.txt", "100%.txt", "a;b=c.txt"),
        *("a%22b.txt", "x; filename*=utf-8''y.txt", "50% of 日本.txt"),
    ],
)
def test_form_is_parsed_by_the_core(name):
    form = Form(b"Hello.", name, None, None)
    assert parse_form(form) == (name, "text/plain", b"Hello.")
    assert sum(map(len, form)) == form.length


@for_each("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_file_is_sent_in_blocks(size):
    progress_calls = []
    form = Form(b"x" * size, "x", "text/plain", lambda *how: progress_calls.append(how))
    assert max(map(len, list(form))) <= max(BLOCK, 200)
    assert progress_calls == [(min(sent + BLOCK, size), size) for sent in range(0, size, BLOCK)]
    assert parse_form(form)[2] == b"x" * size


def test_file_can_be_path_open_file_or_bytes(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Hello.")
    assert parse_form(Form(path, None, None, None)) == ("notes.txt", "text/plain", b"Hello.")
    assert parse_form(Form(str(path), "b", "image/png", None)) == ("b", "image/png", b"Hello.")
    with path.open("rb") as file:
        file.seek(2)
        assert parse_form(Form(file, None, None, None)) == ("notes.txt", "text/plain", b"llo.")
    form = Form(memoryview(b"Hello."), "b", None, None)
    assert parse_form(form)[1:] == ("application/octet-stream", b"Hello.")


def test_retry_sends_file_from_its_initial_position(server, colour):
    file = io.BytesIO(b"0123456789" * 30_000)
    file.seek(5)
    server.then(reset, answer("503 Service Unavailable", b""), GOOD)
    assert ask(colour, server.url, lambda files: files.upload(file, name="notes.txt")) == MADE
    bodies = [body(request) for request in server.requests[1:]]
    assert [parse_form(*parts)[2] for parts in bodies] == [file.getvalue()[5:]] * 2
    keys = {re.search(rb"(?i)idempotency-key: (\w+)", request)[1] for request in server.requests[1:]}
    assert len(keys) == 1
    assert not file.closed


def test_unseekable_file_is_buffered_for_retries(server):
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"Hello.")
    server.then(answer("503 Service Unavailable", b""), GOOD)
    with os.fdopen(reading, "rb") as file:
        ask(Stellary, server.url, lambda files: files.upload(file, name="notes.txt"))
    assert [parse_form(*body(request))[2] for request in server.requests] == [b"Hello."] * 2


def test_too_large_file_raises_before_it_is_sent(tmp_path):
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


@for_each(
    "file, message",
    [
        (b"x", "needs a name"),
        (io.BytesIO(b"x"), "needs a name"),
        (io.StringIO("x"), "reading bytes"),
        (5, "not int"),
    ],
)
def test_unsupported_file_raises_type_error(file, message):
    with pytest.raises(TypeError, match=message):
        files_of(Stellary.embedded(RecordingPort())).upload(file)


@pytest.mark.parametrize("type", ["text/plain\r\nX: y", "täxt/plain"])
def test_content_type_invalid_in_a_header_raises(type):
    with pytest.raises(ValueError, match="not a MIME type"):
        Form(b"x", "x", type, None)


def test_shrinking_file_raises(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Hello.")
    form = Form(path, None, None, None)
    path.write_bytes(b"H")
    with pytest.raises(StellaryError, match="shorter"):
        list(form)


# ------------------------------------------------------------------------------------------------- downloads


class Ranged(RecordingPort):
    """A port that returns a file, or the requested range of it, and fails once."""

    def __init__(self, data: bytes, fails: int = 0) -> None:
        super().__init__()
        self.data, self.fails, self.ranges = data, fails, []
        self.answer("attachments.download", self._part)

    def _part(self, request):
        requested_range = request.headers.get("range")
        self.ranges.append(requested_range)
        if len(self.ranges) == self.fails:
            return Unavailable("later")
        if requested_range is None or not self.data:
            return RawResponse(200, {}, self.data)
        start, end = map(int, requested_range.removeprefix("bytes=").split("-"))
        part = self.data[start : end + 1]
        content_range = f"bytes {start}-{start + len(part) - 1}/{len(self.data)}"
        return RawResponse(206, {"content-range": content_range}, part)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(attachments, "PART", 10)


@for_each("size", [0, 9, 10, 11, 20, 35])
def test_blocks_are_requested_one_by_one(size):
    data = bytes(range(size))
    port = Ranged(data)
    blocks = files_of(Stellary.embedded(port)).blocks(MADE)
    assert port.ranges == []
    assert b"".join(blocks) == data
    assert port.ranges[0] == "bytes=0-9"
    assert len(port.ranges) == max(1, -(-size // 10))


def test_failed_part_is_requested_again():
    port = Ranged(bytes(range(25)), fails=2)
    assert b"".join(files_of(Stellary.embedded(port)).with_options(retries=1).blocks(ID)) == port.data
    assert port.ranges == ["bytes=0-9", "bytes=10-19", "bytes=10-19", "bytes=20-29"]


async def test_download_replaces_existing_file(tmp_path, colour):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    port = Ranged(bytes(range(25)))
    files = files_of(colour.embedded(port))
    await resolve(files.upload(b"Hello.", name="hello.txt"))
    assert await resolve(files.download(ID)) == b"".join(await resolve(files.blocks(ID))) == port.data
    assert await resolve(files.download_to(ID, path)) == path
    assert path.read_bytes() == port.data
    assert list(tmp_path.iterdir()) == [path]


async def test_failed_download_keeps_existing_file(tmp_path, colour):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    files = files_of(colour.embedded(Ranged(bytes(range(25)), fails=2))).with_options(retries=0)
    with pytest.raises(ApiError):
        await resolve(files.download_to(ID, str(path)))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_transfer_is_not_limited_by_default_timeouts(server, monkeypatch):
    monkeypatch.setattr(retries, "READ", 0.001)
    monkeypatch.setattr(retries, "WHOLE", 0.001)
    server.then(GOOD)
    ask(Stellary, server.url, lambda files: files.upload(b"x", name="notes.txt"))
