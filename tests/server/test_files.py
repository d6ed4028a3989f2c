"""Files over HTTP: streamed in both directions, refused before they are read, and nothing left of what broke off."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import attrs
import pytest

from reference_server import body, files
from reference_server.settings import Settings, SettingsError, from_environment
from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import Unavailable
from stellary.core import Core
from tests.server.running import Reply, Running, reply, running
from tests.support.forms import END, FORM, form, part
from tests.support.world import Person, World, at_once


@attrs.frozen
class Place:
    """A server with a card, and those who may write there and who may not."""

    server: Running
    world: World
    ann: Person
    card: str
    token: str

    @property
    def path(self) -> str:
        return f"{self.card}/attachments"

    def upload(self, data: bytes = b"Hello.", name: bytes = b"hello.txt", **headers: str) -> Reply:
        said = {"content_type": FORM, **headers}
        return self.server.ask("POST", self.path, form(data, name), self.token, **said)

    def listed(self) -> list[dict]:
        return self.server.ask("GET", self.path, token=self.token).json

    def kept(self) -> list[str]:
        """The keys of all blobs."""
        return [key for key, _ in self.world.core.env.blobs._list_keys()]

    def head(self, length: int, token: str | None = None, **more: str) -> bytes:
        lines = [
            f"POST {self.path} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {token or self.token}",
            f"Content-Type: {FORM}",
            f"Content-Length: {length}",
            *(f"{name}: {text}" for name, text in more.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


def placed(server: Running) -> Place:
    world = World(server.core)
    ann = world.person()
    project = world.project(ann, world.workspace(ann))
    card = world.card(ann, project)
    return Place(server, world, ann, f"{project.path}/cards/{card['id']}", world.bearer(ann))


@pytest.fixture
def place(server: Running) -> Place:
    return placed(server)


@pytest.fixture
def one_place(one_server: Running) -> Place:
    """On SQLite alone."""
    return placed(one_server)


def eventually(true) -> bool:
    until = time.monotonic() + 5
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def test_a_file_comes_back_as_it_went(place):
    made = place.upload(b"\0\xff\r\n--" * 100_000, b"data.bin", x_request_id="up").json
    answer = place.server.ask("GET", f"{place.path}/{made['id']}", token=place.token)
    assert answer.body == b"\0\xff\r\n--" * 100_000
    assert made == {
        "id": made["id"],
        "cardId": place.card.rpartition("/")[2],
        "uploadedBy": place.ann.id,
        "originalName": "data.bin",
        "mimeType": "text/plain",
        "size": 600_000,
        "createdAt": made["createdAt"],
    }
    assert place.listed() == [made]
    assert place.server.ask("GET", place.card, token=place.token).json["attachmentCount"] == 1


def test_exactly_ten_megabytes_pass_and_one_byte_more_does_not(place):
    assert place.upload(b"x" * SIZE_MAX).json["size"] == SIZE_MAX == 10_485_760
    answer = place.upload(b"x" * (SIZE_MAX + 1))
    assert (answer.status, answer.json["message"]) == (413, "a file must not be larger than 10485760 bytes")
    assert len(place.listed()) == len(place.kept()) == 1


def test_a_download_cannot_be_shown_or_run(one_place):
    made = one_place.upload(b"<script>", b"a.html").json
    answer = one_place.server.ask("GET", f"{one_place.path}/{made['id']}", token=one_place.token)
    assert {
        name: answer.headers[name]
        for name in (
            "content-type",
            "content-length",
            "content-disposition",
            "content-security-policy",
            "x-content-type-options",
            "cache-control",
            "accept-ranges",
        )
    } == {
        "content-type": "text/plain",
        "content-length": "8",
        "content-disposition": 'attachment; filename="a.html"',
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
    }
    assert answer.headers["x-request-id"]


def test_head_tells_all_but_the_bytes(one_place):
    made = one_place.upload().json
    path = f"{one_place.path}/{made['id']}"
    got, told = (one_place.server.ask(method, path, token=one_place.token) for method in ("GET", "HEAD"))
    assert (told.status, told.body) == (200, b"")
    varying = ("date", "x-request-id")
    assert {name: text for name, text in told.headers.items() if name not in varying} == {
        name: text for name, text in got.headers.items() if name not in varying
    }


def test_ranges_and_tags_are_honoured(one_place):
    path = f"{one_place.path}/{one_place.upload(b'0123456789').json['id']}"
    part = one_place.server.ask("GET", path, token=one_place.token, range="bytes=2-4")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    beyond = one_place.server.ask("GET", path, token=one_place.token, range="bytes=10-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")
    same = one_place.server.ask("GET", path, token=one_place.token, if_none_match=part.headers["etag"])
    assert (same.status, same.body) == (304, b"")


def test_who_may_not_upload_is_told_before_the_file_is_sent(place):
    stranger = place.world.bearer(place.world.person("eve"))
    reader = place.world.api_token(place.ann, ["projects:read"])
    for token, status in ((stranger, 404), (reader, 403), ("nonsense", 401)):
        # Nothing of the body ever comes.
        assert place.server.send(place.head(SIZE_MAX, token)).status == status
        assert place.server.send(place.head(SIZE_MAX, token, Expect="100-continue")).status == status
    missing = place.head(SIZE_MAX).replace(place.card.encode(), place.card[:-24].encode() + b"f" * 24)
    assert place.server.send(missing).status == 404


def test_a_body_that_says_to_be_too_large_is_refused_unread(one_place):
    assert one_place.server.send(one_place.head(SIZE_MAX + 100_000)).status == 413


def test_a_body_that_becomes_too_large_is_refused(one_place):
    head = one_place.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    piece = b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n"
    start = form(b"")[: -len(END) - 2]
    with one_place.server.connect() as connection:
        connection.sendall(head + b"%x\r\n" % len(start) + start + b"\r\n")
        for _ in range(11):
            connection.sendall(piece)
        assert reply(connection).status == 413
    assert one_place.kept() == []


def test_whoever_waits_is_told_to_go_on(one_place):
    data = form(b"Hello.")
    with one_place.server.connect() as connection:
        connection.sendall(one_place.head(len(data), Expect="100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        assert reply(connection).status == 201


@pytest.mark.parametrize(
    "type", ["", "application/json", "multipart/mixed; boundary=the-boundary", "text/plain"], ids=repr
)
def test_another_type_is_refused(one_place, type):
    answer = one_place.upload(content_type=type)
    assert (answer.status, answer.json["error"]) == (415, "Unsupported Media Type")


@pytest.mark.parametrize(
    ("sent", "said"),
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
def test_a_broken_form_is_told_and_leaves_nothing(one_place, sent, said):
    answer = one_place.server.ask("POST", one_place.path, sent, one_place.token, content_type=FORM)
    assert answer.status == 400
    assert said in answer.json["message"]
    assert one_place.kept() == one_place.listed() == []


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=\xff", '; boundary="' + "x" * 300 + '"'])
def test_a_boundary_that_is_none_is_refused(one_place, boundary):
    answer = one_place.upload(content_type="multipart/form-data" + boundary)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("said", "kept"),
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
def test_a_hostile_name_is_cleaned_and_comes_back_whole(one_place, said, kept):
    made = one_place.upload(name=said).json
    assert made["originalName"] == kept
    answer = one_place.server.ask("GET", f"{one_place.path}/{made['id']}", token=one_place.token)
    assert named(answer.headers["content-disposition"]) == kept


def named(header: str) -> str:
    """The file name that a browser would take from there."""
    found = re.fullmatch(
        r'attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8\'\'([A-Za-z0-9%._~-]+))?', header
    )
    assert found is not None, header
    return unquote(found[2]) if found[2] else found[1]


def test_a_client_that_goes_leaves_nothing(place):
    data = form(b"x" * 3_000_000)
    with place.server.connect() as connection:
        connection.sendall(place.head(len(data)) + data[:2_000_000])
    assert eventually(lambda: place.server.state.in_flight == 0)
    assert place.kept() == place.listed() == []


def test_a_client_that_stops_sending_is_dropped(one_place, monkeypatch):
    monkeypatch.setattr(body, "SECONDS", 0.1)
    data = form(b"Hello.")
    assert one_place.server.send(one_place.head(len(data)), data[:20]).status == 408
    assert one_place.kept() == []


def test_uploads_at_once_are_all_counted(place):
    answers = at_once(*[lambda: place.upload(b"x" * 300_000).status] * 6)
    assert answers == [201] * 6
    assert place.server.ask("GET", place.card, token=place.token).json["attachmentCount"] == 6
    ids = [each["id"] for each in place.listed()]

    def delete(id: str) -> int:
        return place.server.ask("DELETE", f"{place.path}/{id}", token=place.token).status

    gone = at_once(*[partial(delete, id) for id in [*ids[:3], ids[0]]])
    assert sorted(gone) == [200, 200, 200, 404]
    assert place.server.ask("GET", place.card, token=place.token).json["attachmentCount"] == 3
    assert len(place.kept()) == 3


def test_an_upload_with_a_key_is_carried_out_once(place):
    first = place.upload(idempotency_key="once")
    again = place.upload(idempotency_key="once")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert place.upload(b"Other.", idempotency_key="once").status == 422
    assert len(place.listed()) == len(place.kept()) == 1


def broken_off(blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(blocks)[:1000]
    raise Unavailable("the file store is not available; try again")


def test_a_download_that_breaks_off_ends_the_connection(one_place, monkeypatch):
    path = f"{one_place.path}/{one_place.upload(b'x' * 500_000).json['id']}"
    read = one_place.world.core.env.blobs.read
    monkeypatch.setattr(one_place.world.core.env.blobs, "read", lambda *what: broken_off(read(*what)))
    with one_place.server.connect() as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one_place.token}\r\n\r\n".encode()
        )
        received = b""
        try:
            while more := connection.recv(1 << 16):
                received += more
        except ConnectionResetError:
            pass
    assert b"content-length: 500000" in received.lower()
    assert len(received) < 500_000


def test_a_client_that_goes_while_it_downloads_is_let_go(one_place):
    path = f"{one_place.path}/{one_place.upload(b'x' * SIZE_MAX).json['id']}"
    with one_place.server.connect() as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one_place.token}\r\n\r\n".encode()
        )
        assert connection.recv(10) == b"HTTP/1.1 2"
    assert eventually(lambda: one_place.server.state.in_flight == 0)


def test_a_name_can_be_said_by_rfc_5987_alone(one_place):
    said = part(b"x", b"form-data; name=\"file\"; filename*=utf-8''na%C3%AFve%20name.txt") + END
    made = one_place.server.ask("POST", one_place.path, said, one_place.token, content_type=FORM)
    assert made.json["originalName"] == "naïve name.txt"


def test_a_client_that_takes_too_long_is_dropped(one_place, monkeypatch):
    path = f"{one_place.path}/{one_place.upload(b'x' * SIZE_MAX).json['id']}"
    monkeypatch.setattr(files, "SEND_SECONDS", 0.2)
    with one_place.server.connect() as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one_place.token}\r\n\r\n".encode()
        )
        assert eventually(lambda: one_place.server.state.in_flight == 0)


def test_the_server_sweeps_at_its_start(sqlite_url, tmp_path):
    core = Core(sqlite_url, bcrypt_rounds=4, blobs=tmp_path)
    core.env.blobs.put("ab/" + "0" * 32, b"left behind")
    world = World(core)
    world.stop_clock().now = world.core.env.clock().replace(year=2100)
    try:
        with running(core):
            assert eventually(lambda: list(tmp_path.glob("*/*")) == [])
    finally:
        core.close()


def test_a_sweep_that_fails_is_told_and_tried_again(sqlite_url, monkeypatch, caplog):
    core = Core(sqlite_url, bcrypt_rounds=4)
    tries = []

    def sweep() -> int:
        tries.append(1)
        raise Unavailable("the file store is not available; try again")

    monkeypatch.setattr(core, "sweep", sweep)
    monkeypatch.setattr(files, "SWEEP_SECONDS", 0.01)
    try:
        with running(core):
            assert eventually(lambda: len(tries) > 1)
    finally:
        core.close()
    assert "the files could not be swept: Unavailable" in caplog.text


def test_files_are_kept_in_the_data_directory_unless_another_place_is_set():
    assert Settings(data_dir=Path("/data")).blobs == "/data/files"
    for url in ("s3://bucket/prefix", "file:///srv/files", "/srv/files", "files"):
        assert from_environment({"STELLARY_BLOBS_URL": url}).blobs == url


@pytest.mark.parametrize("url", ["gs://bucket", "s3://", "s3:///", "file://", "file://host/x", "://x"])
def test_a_place_that_cannot_be_is_refused(url):
    with pytest.raises(SettingsError, match="STELLARY_BLOBS_URL must be a folder"):
        from_environment({"STELLARY_BLOBS_URL": url})
