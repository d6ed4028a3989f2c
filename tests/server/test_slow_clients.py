"""Clients that are silent, or vanish: they are dropped, and what they have begun is finished."""

from __future__ import annotations

import socket
import time

import pytest

from reference_server import body, protocol
from tests.server.running import Replies, Running, reply

HEAD = (
    b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


@pytest.fixture
def hurried(monkeypatch):
    """Make the server impatient."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "KEEP_ALIVE_SECONDS", 0.5)
    monkeypatch.setattr(body, "SECONDS", 0.2)


def seconds_until_dropped(connection: socket.socket) -> float:
    begun = time.monotonic()
    while connection.recv(65536):
        pass
    return time.monotonic() - begun


def can_go_on(connection: socket.socket, part: bytes, times: int, *, listen: bool = True) -> bool:
    """Whether one can send that so many times before one is dropped."""
    try:
        for _ in range(times):
            connection.sendall(part)
            time.sleep(0.01)
            try:
                if listen and connection.recv(100) == b"":
                    return False
            except TimeoutError:
                pass
    except (ConnectionError, TimeoutError):
        return False
    return True


def posted(token: str, said: bytes) -> bytes:
    """A request that makes an organization."""
    head = (
        f"POST /organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
    )
    return head.encode() + said


def test_patience_is_what_is_promised():
    assert (protocol.HEADER_SECONDS, body.SECONDS, protocol.KEEP_ALIVE_SECONDS) == (10, 60, 75)


def test_who_says_nothing_is_dropped(hurried, one_server: Running):
    with one_server.connect() as connection:
        assert 0.1 < seconds_until_dropped(connection) < 5


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_breaks_off_in_a_header_is_dropped(hurried, one_server: Running, begun: bytes):
    with one_server.connect() as connection:
        connection.sendall(begun)
        assert 0.1 < seconds_until_dropped(connection) < 5


def test_who_sends_a_header_byte_by_byte_is_dropped(hurried, one_server: Running):
    with one_server.connect() as connection:
        connection.settimeout(0.02)
        assert not can_go_on(connection, b"X", 200)


def test_who_breaks_off_in_the_second_header_is_dropped(hurried, one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        assert 0.1 < seconds_until_dropped(connection) < 0.45


def test_who_breaks_off_in_a_header_behind_a_long_request_is_dropped_after_its_answer(
    hurried, one_server: Running
):
    token = one_server.register()
    said = b'{"name": "Acme", "slug": "acme"}'
    with one_server.connect() as connection:
        with one_server.core.database.writing():
            connection.sendall(posted(token, said))
            time.sleep(0.1)
            connection.sendall(b"GET /health/live HTTP/1.1\r\n")
            time.sleep(0.5)
        assert reply(connection, "POST").status == 201
        assert seconds_until_dropped(connection) < 0.4


def test_who_takes_his_answers_late_gets_them_all(one_server: Running):
    count = 60
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", one_server.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        time.sleep(0.3)
        connection.settimeout(20)
        answers = Replies(connection)
        bodies = {answers.next().body for _ in range(count)}
    assert len(bodies) == 1


def test_a_header_in_two_parts_is_no_offence(hurried, one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\n")
        time.sleep(0.05)
        connection.sendall(b"Host: x\r\n\r\n")
        assert reply(connection).status == 200
        time.sleep(0.3)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200


def test_who_is_idle_between_requests_is_dropped(hurried, one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        assert 0.3 < seconds_until_dropped(connection) < 5


def test_who_breaks_off_in_a_body_is_told_and_dropped(hurried, one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(HEAD + b'{"email"')
        answer = reply(connection, "POST")
        assert (answer.status, answer.json["code"]) == (408, "too_slow")
        assert answer.headers["connection"] == "close"


def test_who_vanishes_in_a_body_leaves_nothing_behind(one_server: Running):
    for _ in range(20):
        with one_server.connect() as connection:
            connection.sendall(HEAD + b'{"email"')
    for _ in range(100):
        if one_server.state.in_flight == 0 and len(one_server.entries) == 20:
            break
        time.sleep(0.02)
    assert one_server.state.in_flight == 0
    assert [entry.status for entry in one_server.entries] == [499] * 20


def test_who_does_not_take_his_answer_is_dropped(hurried, one_server: Running):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", one_server.port))
        connection.settimeout(20)
        assert not can_go_on(
            connection, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10, 2000, listen=False
        )


def test_what_a_client_began_is_finished_without_it(one_server: Running):
    token = one_server.register()
    with one_server.core.database.writing(), one_server.connect() as connection:
        connection.sendall(posted(token, b'{"name": "Acme", "slug": "acme"}'))
        while one_server.state.in_flight == 0:
            time.sleep(0.01)
    for _ in range(200):
        if one_server.ask("GET", "/organizations/acme", token=token).status == 200:
            return
        time.sleep(0.02)
    pytest.fail("the organization was never made")
