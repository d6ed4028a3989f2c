"""Malformed bytes on a connection: each gets an error response, and the server continues."""

import gzip
import re
import socket
import zlib
from contextlib import suppress

import pytest

from tests.server.running import Replies, Reply, Running, reply
from tests.support.each_case import for_each
from tests.support.server_parts import protocol
from tests.support.waiting import wait_until

JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + JSON + b"\r\n"


def request(
    head: bytes, body: bytes = b"", headers: bytes = b"", *, length: int | None = None, host: bool = True
) -> bytes:
    declared = b"Content-Length: %d\r\n" % (len(body) if length is None else length)
    return b"%s HTTP/1.1\r\n%s%s%s\r\n%s" % (
        head,
        b"Host: x\r\n" if host else b"",
        headers,
        declared if body or length is not None else b"",
        body,
    )


def assert_error(answer: Reply, status: int, code: str | None = None) -> None:
    """Assert that the response is an error in the format of the API."""
    shape = answer.json
    assert (answer.status, shape["statusCode"]) == (status, status), answer
    assert isinstance(shape["message"], str)
    assert shape["message"]
    assert shape["error"]
    assert shape["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["server"] == "stellary"
    if code is not None:
        assert shape["code"] == code


@for_each(
    "value",
    [
        *(b"Bearer \xff\xfe", b"Bearer", b"Bearer ", b"\xff", b"Bearer a.\xff.c"),
        *(b"Basic YTpi", b"Bearer synth_\xff"),
    ],
)
def test_malformed_authorization_returns_401(sqlite_server: Running, value: bytes):
    answer = sqlite_server.send(request(b"GET /auth/me", headers=b"Authorization: " + value + b"\r\n"))
    assert_error(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_authorization_headers_are_a_bad_request(sqlite_server: Running):
    good, bad = b"Bearer " + sqlite_server.register().encode(), b"Bearer nonsense"
    for first, second in ((good, bad), (bad, good), (good, good)):
        headers = b"Authorization: %b\r\nX-Other: a\r\nX-Other: b\r\nauthorization: %b\r\n" % (first, second)
        answer = sqlite_server.send(request(b"GET /auth/me", headers=headers))
        assert_error(answer, 400, "repeated_header")
        assert answer.json["message"] == "Authorization must be sent once"
    once = b"Authorization: %b\r\nX-Other: a\r\nX-Other: b\r\n" % good
    assert sqlite_server.send(request(b"GET /auth/me", headers=once)).status == 200


@for_each(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /\xff/me?a=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /ä/ö HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /auth\x00me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n",
    ],
)
def test_invalid_http_returns_400(sqlite_server: Running, data: bytes):
    assert_error(sqlite_server.send(data), 400, "invalid_http")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(1000)) + b"\r\n",
    ],
)
def test_oversized_headers_return_400(sqlite_server: Running, data: bytes):
    assert_error(sqlite_server.send(data), 400)


@for_each(
    "target",
    [
        *(b"/%00", b"/%ff%fe", b"/auth/me/", b"//auth/me", b"/auth/./me", b"/auth/../auth/me"),
        *(b"/auth%2fme", b"/orgs/%00/workspaces/%f0%9f/nowhere", b"/%c3%a4/%c3%b6"),
    ],
)
def test_unknown_path_returns_404(sqlite_server: Running, target: bytes):
    assert_error(sqlite_server.send(request(b"GET " + target)), 404, "unknown_path")


@for_each("method", [b"PUT", b"DELETE", b"OPTIONS", b"TRACE"])
def test_unsupported_method_returns_405_with_allow(sqlite_server: Running, method: bytes):
    answer = sqlite_server.send(request(method + b" /auth/me"))
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, PATCH"


def test_unknown_path_returns_404_for_any_method(sqlite_server: Running):
    assert_error(sqlite_server.send(request(b"PUT /nowhere")), 404, "unknown_path")
    assert_error(sqlite_server.send(request(b"OPTIONS *")), 404, "unknown_path")
    assert_error(sqlite_server.send(request(b"CONNECT example.com:443")), 404)


def test_absolute_target_is_routed_by_its_path(sqlite_server: Running):
    assert sqlite_server.send(request(b"GET http://elsewhere.example/health/live")).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 500_000, "invalid_json"),
        (b'{"email": "\xff"}', "invalid_json"),
        (b"null", "invalid"),
    ],
)
def test_body_that_is_not_an_object_returns_400(sqlite_server: Running, body: bytes, code: str):
    assert_error(sqlite_server.ask("POST", "/organizations", body, token=sqlite_server.register()), 400, code)


@for_each("media", ["application/json; charset=utf-16", "application/json; charset=\xff", ""])
def test_body_of_another_media_type_returns_415(sqlite_server: Running, media: str):
    data = request(b"POST /auth/login", b"{}", b"Content-Type: " + media.encode("latin-1") + b"\r\n")
    assert_error(sqlite_server.send(data), 415, "unsupported_media_type")


def test_compressed_body_is_decompressed(sqlite_server: Running):
    sqlite_server.register("ann", "correct horse")
    body = b'{"email": "ann@example.com", "password": "correct horse"}'
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        answer = sqlite_server.ask("POST", "/auth/login", compress(body), content_encoding=encoding)
        assert answer.status == 201


@for_each("encoding", ["br", "zstd", "compress", "gzip, gzip", "rot13", "x-gzip"])
def test_unknown_content_encoding_returns_415(sqlite_server: Running, encoding: str):
    answer = sqlite_server.ask("POST", "/auth/login", b"{}", content_encoding=encoding)
    assert_error(answer, 415, "unsupported_media_type")


def test_chunked_body_beyond_the_limit_returns_413(sqlite_server: Running):
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    assert_error(sqlite_server.send(CHUNKED, *[chunk] * 5), 413, "too_large")


@pytest.mark.parametrize("operation", ["/auth/login", "/auth/register"])
def test_huge_password_is_rejected_before_hashing(sqlite_server: Running, operation: str):
    sqlite_server.core.env.bcrypt_rounds = None  # hashing would raise
    body = b'{"email": "ann@example.com", "password": "' + b"a" * 10_000_000 + b'"}'
    with sqlite_server.connect() as connection:
        connection.sendall(request(b"POST " + operation.encode(), headers=JSON, length=len(body)))
        assert_error(reply(connection, "POST"), 413, "too_large")


def test_invalid_chunk_returns_400(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(CHUNKED)
        wait_until(lambda: sqlite_server.state.in_flight)
        connection.sendall(b"xyz\r\n")
        assert_error(reply(connection, "POST"), 400, "invalid")


def test_oversized_body_in_one_packet_returns_413(sqlite_server: Running):
    assert_error(
        sqlite_server.send(CHUNKED + b"4400\r\n" + b"a" * 0x4400 + b"\r\n0\r\n\r\n"), 413, "too_large"
    )


def test_data_after_connection_close_is_ignored(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(request(b"GET /health/live", headers=b"Connection: close\r\n"))
        assert reply(connection).status == 200
        with suppress(ConnectionError):
            connection.sendall(b"GARBAGE\r\n\r\n")
    assert sqlite_server.ask("GET", "/health/live").status == 200


def test_unknown_expectation_returns_417(sqlite_server: Running):
    data = request(b"POST /auth/login", headers=JSON + b"Expect: the-unexpected\r\n", length=2)
    assert_error(sqlite_server.send(data), 417, "expectation_failed")


def test_head_returns_the_headers_of_get(sqlite_server: Running):
    head, get = sqlite_server.ask("HEAD", "/health/live"), sqlite_server.ask("GET", "/health/live")
    assert head.body == b""
    assert get.body == b'{"status":"ok"}'
    different = {"x-request-id", "date"}
    assert {n: t for n, t in head.headers.items() if n not in different} == {
        n: t for n, t in get.headers.items() if n not in different
    }


@pytest.mark.parametrize("request_id", ["abc", "A-b_c.9", "x" * 64])
def test_request_id_of_the_client_is_adopted(sqlite_server: Running, request_id: str):
    assert sqlite_server.ask("GET", "/nowhere", x_request_id=request_id).headers["x-request-id"] == request_id


@for_each("request_id", ["", "x" * 65, "a b", "a/b", "ü", '"quoted"'])
def test_invalid_request_id_is_replaced(sqlite_server: Running, request_id: str):
    data = request(b"GET /nowhere", headers=b"X-Request-Id: " + request_id.encode() + b"\r\n")
    assert re.fullmatch("req_[0-9a-f]{16}", sqlite_server.send(data).headers["x-request-id"])


def test_header_injection_is_not_possible(sqlite_server: Running):
    data = request(b"GET /nowhere%0d%0aSet-Cookie:%20a=b", headers=b"X-Request-Id: a\rSet-Cookie: b\r\n")
    answer = sqlite_server.send(data)
    assert answer.status in (400, 404)
    assert "set-cookie" not in answer.headers


def test_pipelined_requests_are_answered_in_order(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(b"".join(request(b"GET /nowhere/%d" % number) for number in range(50)))
        answers = Replies(connection)
        messages = [answers.next().json["message"] for _ in range(50)]
    assert messages == [f"there is nothing at /nowhere/{number}" for number in range(50)]


def test_malformed_request_does_not_affect_the_previous_response(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        answers = Replies(connection)
        connection.sendall(request(b"GET /health/live"))
        good = answers.next()
        connection.sendall(b"GARBAGE\r\n\r\n")
        bad = answers.next()
    assert good.status == 200
    assert_error(bad, 400, "invalid_http")


def send_behind(server: Running, connection: socket.socket, held: bytes, *parts: bytes) -> None:
    """Send a request, and once it is being answered, each part after the server has read the one before."""
    connection.sendall(held)
    wait_until(lambda: server.state.in_flight)
    (handler,) = server.http_server.connections
    for count, part in enumerate(parts, 1):
        connection.sendall(part)
        wait_until(lambda count=count: handler.queued_count == count)


@for_each(
    "parts, method, code",
    [((CHUNKED, b"xyz\r\n"), "POST", None), ((b"GARBAGE\r\n\r\n",), "GET", "invalid_http")],
)
def test_malformed_request_behind_a_running_one_does_not_affect_its_response(
    sqlite_server: Running, parts: tuple[bytes, ...], method: str, code: str | None
):
    token = sqlite_server.register(method)
    body = b'{"name": "Acme", "slug": "acme-%b"}' % method.lower().encode()
    held = request(b"POST /organizations", body, JSON + b"Authorization: Bearer " + token.encode() + b"\r\n")
    with sqlite_server.connect() as connection:
        answers = Replies(connection)
        with sqlite_server.core.database.writing():
            send_behind(sqlite_server, connection, held, *parts)
        first, second = answers.next("POST"), answers.next(method)
    assert first.status == 201
    assert_error(second, 400, code)
    wait_until(lambda: not sqlite_server.http_server.connections)


def test_incomplete_body_in_the_same_packet_returns_400(sqlite_server: Running):
    assert_error(sqlite_server.send(CHUNKED + b"xyz\r\n"), 400)


@pytest.fixture
def short_timeouts(monkeypatch):
    """Shorten the timeouts of the server."""
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.2)


def test_incomplete_body_that_is_not_read_causes_no_500(short_timeouts, sqlite_server: Running):
    head = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with sqlite_server.connect() as connection:
        connection.sendall(head)
        assert reply(connection).status == 404
        connection.sendall(b"xyz\r\n")
        assert b"500" not in connection.recv(1000)
