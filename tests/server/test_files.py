"""Attachments over HTTP: streamed in both directions, rejected before they are read, and cleaned up after failures."""

import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import pytest

from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.http import body, files
from stellary.core.http.context import RequestContext
from tests.server.running import Reply, Running, encode_head, reply, running
from tests.support.blobs import list_blob_keys
from tests.support.core_parts import Threads, transfers
from tests.support.each_case import for_each
from tests.support.forms import END, FORM, form, part
from tests.support.server_parts import Settings, SettingsError, from_environment
from tests.support.waiting import wait_until
from tests.support.world import Person, World, at_once


@attrs.frozen
class AttachmentApi:
    """The attachments of a card over HTTP."""

    server: Running
    world: World
    ann: Person
    card: str
    token: str

    @property
    def path(self) -> str:
        return f"{self.card}/attachments"

    def upload(self, data: bytes = b"Hello.", name: bytes = b"hello.txt", **headers: str) -> Reply:
        return self.send(form(data, name), **headers)

    def send(self, body: bytes, **headers: str) -> Reply:
        return self.server.ask("POST", self.path, body, self.token, **{"content_type": FORM, **headers})

    def ask_for(self, id: str, method: str = "GET", **headers: str) -> Reply:
        return self.server.ask(method, f"{self.path}/{id}", token=self.token, **headers)

    def begin_download(self, connection: socket.socket, id: str) -> None:
        connection.sendall(encode_head("GET", f"{self.path}/{id}", self.token))

    def count(self) -> int:
        """Return the number of attachments that the card reports."""
        return self.server.ask("GET", self.card, token=self.token).json["attachmentCount"]

    def list_files(self) -> list[dict]:
        return self.server.ask("GET", self.path, token=self.token).json

    def list_blob_keys(self) -> list[str]:
        """Return the keys of all stored blobs."""
        return list_blob_keys(self.world.core)

    def head(self, length: int, token: str | None = None, **more: str) -> bytes:
        return encode_head("POST", self.path, token or self.token, length, content_type=FORM, **more)


def make_attachment_api(server: Running) -> AttachmentApi:
    world = World(server.core)
    ann = world.person()
    project = world.project(ann, world.workspace(ann))
    card = world.card(ann, project)
    return AttachmentApi(server, world, ann, f"{project.path}/cards/{card['id']}", world.bearer(ann))


@pytest.fixture
def attachments(server: Running) -> AttachmentApi:
    return make_attachment_api(server)


@pytest.fixture
def sqlite_attachments(sqlite_server: Running) -> AttachmentApi:
    """Return the attachments of a card on SQLite."""
    return make_attachment_api(sqlite_server)


def test_downloaded_file_equals_the_upload(attachments):
    attachment = attachments.upload(b"\0\xff\r\n--" * 100_000, b"data.bin", x_request_id="up").json
    assert attachments.ask_for(attachment["id"]).body == b"\0\xff\r\n--" * 100_000
    assert attachment == {
        "id": attachment["id"],
        "cardId": attachments.card.rpartition("/")[2],
        "uploadedBy": attachments.ann.id,
        "originalName": "data.bin",
        "mimeType": "text/plain",
        "size": 600_000,
        "createdAt": attachment["createdAt"],
    }
    assert attachments.list_files() == [attachment]
    assert attachments.count() == 1


@pytest.mark.slow("transfers large files")
def test_file_of_ten_megabytes_is_accepted_and_one_byte_more_is_not(attachments):
    assert attachments.upload(b"x" * SIZE_MAX).json["size"] == SIZE_MAX == 10_485_760
    answer = attachments.upload(b"x" * (SIZE_MAX + 1))
    assert (answer.status, answer.json["message"]) == (413, "a file must not be larger than 10485760 bytes")
    assert len(attachments.list_files()) == len(attachments.list_blob_keys()) == 1


def test_download_headers_prevent_display_and_execution(sqlite_attachments):
    answer = sqlite_attachments.ask_for(sqlite_attachments.upload(b"<script>", b"a.html").json["id"])
    expected = {
        "content-type": "text/plain",
        "content-length": "8",
        "content-disposition": 'attachment; filename="a.html"',
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [
        (b"image/png", "inline"),
        (b"image/jpeg", "inline"),
        (b"image/svg+xml", "attachment"),
        (b"text/html", "attachment"),
        (b"application/pdf", "attachment"),
    ],
)
def test_only_images_that_run_nothing_are_displayed(sqlite_attachments, mime_type: bytes, kind: str):
    answer = sqlite_attachments.ask_for(sqlite_attachments.send(form(b"x", b"a.bin", mime_type)).json["id"])
    assert answer.headers["content-disposition"] == f'{kind}; filename="a.bin"'
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_head_returns_the_headers_of_get(sqlite_attachments):
    id = sqlite_attachments.upload().json["id"]
    get, head = (sqlite_attachments.ask_for(id, method) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    varying = ("date", "x-request-id")
    assert {name: text for name, text in head.headers.items() if name not in varying} == {
        name: text for name, text in get.headers.items() if name not in varying
    }


def test_forbidden_upload_is_rejected_before_the_file_is_sent(attachments):
    stranger = attachments.world.bearer(attachments.world.person("eve"))
    reader = attachments.world.api_token(attachments.ann, ["projects:read"])
    for token, status in ((stranger, 404), (reader, 403), ("nonsense", 401)):
        # The body is never sent.
        for more in ({}, {"expect": "100-continue"}):
            assert attachments.server.send(attachments.head(SIZE_MAX, token, **more)).status == status
    missing = attrs.evolve(attachments, card=attachments.card[:-24] + "f" * 24)
    assert attachments.server.send(missing.head(SIZE_MAX)).status == 404


@pytest.mark.slow("transfers large files")
def test_chunked_body_beyond_the_limit_is_rejected(sqlite_attachments):
    head = sqlite_attachments.head(0).replace(b"content-length: 0", b"transfer-encoding: chunked")
    piece = b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n"
    start = form(b"")[: -len(END) - 2]
    with sqlite_attachments.server.connect() as connection:
        connection.sendall(head + b"%x\r\n" % len(start) + start + b"\r\n")
        for _ in range(11):
            connection.sendall(piece)
        assert reply(connection).status == 413
    assert sqlite_attachments.list_blob_keys() == []


def test_client_that_expects_100_gets_it(sqlite_attachments):
    data = form(b"Hello.")
    with sqlite_attachments.server.connect() as connection:
        connection.sendall(sqlite_attachments.head(len(data), expect="100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        assert reply(connection).status == 201


@pytest.mark.parametrize(
    "type", ["", "application/json", "multipart/mixed; boundary=the-boundary", "text/plain"], ids=repr
)
def test_other_content_type_returns_415(sqlite_attachments, type):
    answer = sqlite_attachments.upload(content_type=type)
    assert (answer.status, answer.json["error"]) == (415, "Unsupported Media Type")


@for_each(
    "form_body, message",
    [
        (b"", "the form cannot be read"),
        (b"nonsense", "the form cannot be read"),
        (form(b"Hello.")[:-6], "the form cannot be read"),
        (form(b"Hello.")[:-40], "the form cannot be read"),
        (END, "file is missing"),
        (part(b"x", b'form-data; name="other"') + END, "other is not a field of this form"),
        (part(b"x", b"form-data") + END, "a field without a name is not a field of this form"),
        (part(b"x", b'form-data; name="file"') + END, "file must be a file"),
        (form(b"x")[: -len(END)] + form(b"y"), "file must be one file"),
        (part(b"x", b'attachment; name="file"; filename="x"') + END, "the form cannot be read"),
        (b"--the-boundary\r\n" + b"x" * 9000 + b": y\r\n\r\n", "the form cannot be read"),
        (b"--the-boundary\r\n\xff\xfe: y\r\n\r\n", "the form cannot be read"),
    ],
)
def test_invalid_form_returns_400_and_stores_nothing(sqlite_attachments, form_body, message):
    answer = sqlite_attachments.send(form_body)
    assert answer.status == 400
    assert message in answer.json["message"]
    assert sqlite_attachments.list_blob_keys() == sqlite_attachments.list_files() == []


@for_each("boundary", ["", "; boundary=", "; boundary=\xff", '; boundary="' + "x" * 300 + '"'])
def test_invalid_boundary_is_rejected(sqlite_attachments, boundary):
    assert sqlite_attachments.upload(content_type="multipart/form-data" + boundary).status == 400


@for_each(
    "sent_name, stored_name",
    [
        (b"../../etc/passwd", "passwd"),
        (b"C:\\Users\\ann\\a.txt", "a.txt"),
        (b"a\0b\x01.txt", "ab.txt"),
        (b"a%0D%0ASet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt"),
        (b"say %22hi%22.txt", 'say "hi".txt'),
        (b'say \\"hi\\".txt', 'say "hi".txt'),
        ("Übersicht 日本.pdf".encode(), "Übersicht 日本.pdf"),
        (b"\xff\xfe.txt", "��.txt"),
        ("a\u202egpj.exe".encode(), "agpj.exe"),
        (b"x" * 300 + b".tar", "x" * 251 + ".tar"),
        (b"..", "file"),
        (b"/", "file"),
    ],
)
def test_hostile_file_name_is_cleaned(sqlite_attachments, sent_name, stored_name):
    attachment = sqlite_attachments.upload(name=sent_name).json
    assert attachment["originalName"] == stored_name
    answer = sqlite_attachments.ask_for(attachment["id"])
    assert file_name(answer.headers["content-disposition"]) == stored_name


def file_name(header: str) -> str:
    """Return the file name that a browser takes from the header."""
    match = re.fullmatch(
        r'attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8\'\'([A-Za-z0-9%._~-]+))?', header
    )
    assert match is not None, header
    return unquote(match[2]) if match[2] else match[1]


def test_disconnected_upload_stores_nothing(attachments):
    data = form(b"x" * 3_000_000)
    with attachments.server.connect() as connection:
        connection.sendall(attachments.head(len(data)) + data[:2_000_000])
    wait_until(lambda: attachments.server.state.in_flight == 0)
    assert attachments.list_blob_keys() == attachments.list_files() == []


def test_stalled_upload_times_out(sqlite_attachments, monkeypatch):
    monkeypatch.setattr(body, "SECONDS", 0.1)
    data = form(b"Hello.")
    assert sqlite_attachments.server.send(sqlite_attachments.head(len(data)), data[:20]).status == 408
    assert sqlite_attachments.list_blob_keys() == []


def test_concurrent_uploads_are_all_counted(attachments):
    assert at_once(*[lambda: attachments.upload(b"x" * 300_000).status] * 6) == [201] * 6
    assert attachments.count() == 6
    ids = [attachment["id"] for attachment in attachments.list_files()]

    def delete(id: str) -> int:
        return attachments.ask_for(id, "DELETE").status

    assert sorted(at_once(*[partial(delete, id) for id in [*ids[:3], ids[0]]])) == [200, 200, 200, 404]
    assert attachments.count() == 3
    # The files of deleted attachments stay until the trash is purged.
    assert len(attachments.list_blob_keys()) == 6


def test_repeated_upload_with_the_same_key_is_executed_once(attachments):
    first = attachments.upload(idempotency_key="once")
    again = attachments.upload(idempotency_key="once")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert attachments.upload(b"Other.", idempotency_key="once").status == 422
    assert len(attachments.list_files()) == len(attachments.list_blob_keys()) == 1


def break_off(blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(blocks)[:1000]
    raise Unavailable("the file store is not available; try again")


@pytest.mark.slow("transfers large files")
def test_failed_download_closes_the_connection(sqlite_attachments, monkeypatch):
    id = sqlite_attachments.upload(b"x" * 500_000).json["id"]
    read = sqlite_attachments.world.core.env.blobs.read
    monkeypatch.setattr(sqlite_attachments.world.core.env.blobs, "read", lambda *what: break_off(read(*what)))
    with sqlite_attachments.server.connect() as connection:
        sqlite_attachments.begin_download(connection, id)
        received = b""
        try:
            while more := connection.recv(1 << 16):
                received += more
        except ConnectionResetError:
            pass
    assert b"content-length: 500000" in received.lower()
    assert len(received) < 500_000


@pytest.mark.slow("transfers large files")
def test_disconnected_download_ends(sqlite_attachments):
    id = sqlite_attachments.upload(b"x" * SIZE_MAX).json["id"]
    with sqlite_attachments.server.connect() as connection:
        sqlite_attachments.begin_download(connection, id)
        assert connection.recv(10) == b"HTTP/1.1 2"
    wait_until(lambda: sqlite_attachments.server.state.in_flight == 0)


async def test_temporary_file_of_a_response_is_closed_when_the_client_disconnects(sqlite_core, monkeypatch):
    monkeypatch.setattr(transfers, "IN_MEMORY", 10)
    opened = []
    create = tempfile.TemporaryFile

    def open_file(**options):
        opened.append(create(**options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", open_file)
    threads = Threads(sqlite_core)
    response = transfers.open_body(transfers.build_json_response(200, {}, [b"x" * 200_000]))

    async def disconnect(block: bytes) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.Files(sqlite_core, threads).send(response.blocks, disconnect)
    assert not opened[0].closed
    del response
    assert opened[0].closed
    await threads.close(5)


def test_file_name_in_rfc_5987_encoding_is_read(sqlite_attachments):
    form_body = part(b"x", b"form-data; name=\"file\"; filename*=utf-8''na%C3%AFve%20name.txt") + END
    assert sqlite_attachments.send(form_body).json["originalName"] == "naïve name.txt"


@pytest.mark.slow("transfers large files")
def test_stalled_download_times_out(sqlite_attachments, monkeypatch):
    id = sqlite_attachments.upload(b"x" * SIZE_MAX).json["id"]
    monkeypatch.setattr(files, "SEND_SECONDS", 0.2)
    with sqlite_attachments.server.connect() as connection:
        sqlite_attachments.begin_download(connection, id)
        wait_until(lambda: sqlite_attachments.server.state.in_flight == 0)


def test_server_sweeps_files_at_startup(sqlite_url, tmp_path):
    core = Core(sqlite_url, bcrypt_rounds=4, blobs=tmp_path)
    core.env.blobs.start()
    core.env.blobs.put("ab/" + "0" * 32, b"left behind")
    world = World(core)
    world.stop_clock().now = world.core.env.clock().replace(year=2100)
    with closing(core), running(core):
        wait_until(lambda: list(tmp_path.glob("ab/*")) == [])


def test_failed_sweep_is_logged_and_retried(sqlite_url, monkeypatch, caplog):
    core = Core(sqlite_url, bcrypt_rounds=4)
    tries = []

    def sweep() -> int:
        tries.append(1)
        raise Unavailable("the file store is not available; try again")

    monkeypatch.setattr(core, "sweep", sweep)
    monkeypatch.setattr(files, "SWEEP_SECONDS", 0.01)
    with closing(core), running(core):
        wait_until(lambda: len(tries) > 1)
    assert "unused files and old rows could not be deleted: Unavailable" in caplog.text


def test_files_are_stored_in_the_data_directory_by_default():
    assert Settings(data_dir=Path("/data")).blobs == "/data/files"
    for url in ("s3://bucket/prefix", "file:///srv/files", "/srv/files", "files"):
        assert from_environment({"STELLARY_BLOBS_URL": url}).blobs == url


@for_each("url", ["gs://bucket", "s3://", "s3:///", "file://", "file://host/x", "://x"])
def test_invalid_blobs_url_is_rejected(url):
    with pytest.raises(SettingsError, match="STELLARY_BLOBS_URL must be a folder"):
        from_environment({"STELLARY_BLOBS_URL": url})


async def test_temporary_file_of_a_refused_upload_is_deleted(sqlite_core, monkeypatch):
    opened: list[tempfile.SpooledTemporaryFile] = []
    open_file = tempfile.SpooledTemporaryFile

    def record_file(**options: Any) -> tempfile.SpooledTemporaryFile:
        opened.append(open_file(**options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", record_file)
    threads = Threads(sqlite_core)
    is_released = threading.Event()
    chunks = [form(b"Hello."), b"", b""]

    class Body:
        """A body at whose end all threads for files are busy."""

        is_inflated = False

        def read_arrived(self) -> None:
            return

        async def read(self) -> bytes:
            if len(chunks) == 1:
                with suppress(Unavailable):
                    while True:
                        threads.files.run(is_released.wait)
            return chunks.pop(0)

        async def send_continue(self) -> None:
            return

        def is_gone(self) -> bool:
            return False

    context = RequestContext(
        sent_method="POST",
        prefix="",
        path="/",
        query="",
        headers={"content-type": FORM},
        client="192.0.2.1",
        body=Body(),
    )
    try:
        with pytest.raises(Unavailable):
            await files.Files(sqlite_core, threads).receive(context)
        assert [file.closed for file in opened] == [True]
    finally:
        is_released.set()
        await threads.close(10)
