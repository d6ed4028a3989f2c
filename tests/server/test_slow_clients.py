"""Clients that are silent or disconnect: they time out, and requests that they sent are finished."""

import asyncio
import socket
import time

import pytest
import uvloop

from reference_server import detached
from stellary.core.http import body
from tests.server.running import Replies, Running, encode_head, reply
from tests.support.server_parts import protocol
from tests.support.waiting import wait_until

HEAD = (
    b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)


@pytest.fixture
def short_timeouts(monkeypatch):
    """Shorten the timeouts of the server."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(detached, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(body, "SECONDS", 0.2)


def seconds_until_dropped(connection: socket.socket) -> float:
    started_at = time.monotonic()
    while connection.recv(65536):
        pass
    return time.monotonic() - started_at


def count_calls(monkeypatch, name: str) -> list[object]:
    """Return a list that grows with each call of a method of connections."""
    calls: list[object] = []
    method = getattr(protocol.Connection, name)
    monkeypatch.setattr(protocol.Connection, name, lambda *call: (calls.append(call), method(*call)))
    return calls


def can_keep_sending(connection: socket.socket, part: bytes, times: int, *, listen: bool = True) -> bool:
    """Return whether the data can be sent ``times`` times before the server closes the connection."""
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


def build_request(token: str) -> bytes:
    """Return a request that creates an organization."""
    body = b'{"name": "Acme", "slug": "acme"}'
    return encode_head("POST", "/organizations", token, len(body)) + body


def test_timeouts_are_the_documented_ones():
    assert (protocol.HEADER_SECONDS, body.SECONDS, protocol.KEEP_ALIVE_SECONDS) == (10, 60, 75)


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_incomplete_header_times_out(short_timeouts, sqlite_server: Running, beginning: bytes):
    with sqlite_server.connect() as connection:
        connection.sendall(beginning)
        assert seconds_until_dropped(connection) > 0.1


def test_header_sent_byte_by_byte_times_out(short_timeouts, sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.settimeout(0.02)
        assert not can_keep_sending(connection, b"X", 200)


def test_incomplete_second_header_times_out(short_timeouts, sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        assert seconds_until_dropped(connection) > 0.1


def test_incomplete_header_behind_a_long_request_times_out_after_its_response(
    short_timeouts, sqlite_server: Running, monkeypatch
):
    timeouts = count_calls(monkeypatch, "_end_late_header")
    token = sqlite_server.register()
    with sqlite_server.connect() as connection:
        with sqlite_server.core.database.writing():
            connection.sendall(build_request(token))
            wait_until(lambda: sqlite_server.state.in_flight)
            connection.sendall(b"GET /health/live HTTP/1.1\r\n")
            wait_until(lambda: timeouts)
        assert reply(connection, "POST").status == 201
        seconds_until_dropped(connection)


@pytest.mark.slow("sends many large responses")
def test_slow_reader_gets_all_responses(sqlite_server: Running, monkeypatch):
    count = 60
    pauses = count_calls(monkeypatch, "pause_writing")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", sqlite_server.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        wait_until(lambda: pauses)
        connection.settimeout(20)
        answers = Replies(connection)
        bodies = {answers.next().body for _ in range(count)}
    assert len(bodies) == 1


def test_header_in_two_parts_is_accepted(sqlite_server: Running, monkeypatch):
    reads = count_calls(monkeypatch, "data_received")
    with sqlite_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\n")
        wait_until(lambda: reads)
        connection.sendall(b"Host: x\r\n\r\n")
        assert reply(connection).status == 200
        monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.01)
        # No timer of a header runs while the connection is idle.
        time.sleep(0.05)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200


def test_idle_connection_times_out(sqlite_server: Running, monkeypatch):
    monkeypatch.setattr(protocol, "KEEP_ALIVE_SECONDS", 0.2)
    with sqlite_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        assert seconds_until_dropped(connection) > 0.1


def test_incomplete_body_returns_408_and_closes_the_connection(short_timeouts, sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(HEAD + b'{"email"')
        answer = reply(connection, "POST")
        assert (answer.status, answer.json["code"]) == (408, "too_slow")
        assert answer.headers["connection"] == "close"


def test_disconnect_in_a_body_frees_its_request(sqlite_server: Running):
    for _ in range(20):
        with sqlite_server.connect() as connection:
            connection.sendall(HEAD + b'{"email"')
    wait_until(lambda: len(sqlite_server.entries) == 20)
    assert sqlite_server.state.in_flight == 0
    assert [entry.status for entry in sqlite_server.entries] == [499] * 20


@pytest.mark.slow("waits for a time limit")
def test_client_that_reads_no_response_times_out(short_timeouts, sqlite_server: Running):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", sqlite_server.port))
        connection.settimeout(20)
        assert not can_keep_sending(
            connection, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10, 2000, listen=False
        )


def test_client_that_does_not_receive_the_end_of_its_stream_is_disconnected(short_timeouts):
    async def end_stream() -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setblocking(False)
        open_protocols: set[asyncio.BaseProtocol] = set()
        with theirs:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
            stream = detached.StreamProtocol(transport, True, open_protocols)
            transport.set_protocol(stream)
            lost = asyncio.Event()
            stream.on_lost = lost.set
            # More than the system takes, but less than would pause the transport.
            stream.write(b"x" * 40_000)
            stream.finish()
            async with asyncio.timeout(5):
                await lost.wait()
        assert not open_protocols

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(end_stream())


def test_request_of_a_disconnected_client_is_finished(sqlite_server: Running):
    token = sqlite_server.register()
    with sqlite_server.core.database.writing(), sqlite_server.connect() as connection:
        connection.sendall(build_request(token))
        wait_until(lambda: sqlite_server.state.in_flight)
    wait_until(lambda: sqlite_server.ask("GET", "/organizations/acme", token=token).status == 200)
