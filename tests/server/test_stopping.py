"""Stopping: readiness ends first, then what was begun is finished, and only then the connections are closed."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server import protocol, serve
from tests.server.running import Replies, Running, reply


def until(true) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def test_readiness_ends_while_all_else_goes_on(one_server: Running):
    one_server.state.stopping = True
    ready = one_server.ask("GET", "/health/ready")
    assert (ready.status, ready.json["code"], ready.headers["retry-after"]) == (503, "stopping", "1")
    assert one_server.ask("GET", "/health/live").status == 200
    assert one_server.ask("GET", "/auth/me").status == 401


def test_request_in_flight_and_request_on_a_kept_connection_are_answered(one_server: Running):
    token = one_server.register()
    head = f"Host: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    with ThreadPoolExecutor(4) as pool, one_server.connect() as kept:
        answers = Replies(kept)
        kept.sendall(f"GET /auth/me HTTP/1.1\r\n{head}".encode())
        assert "connection" not in answers.next().headers
        with one_server.core.database.writing():
            begun = pool.submit(
                one_server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token
            )
            until(lambda: one_server.state.in_flight == 1)
            stopped = pool.submit(one_server.on_loop, stop(one_server))
            until(lambda: one_server.state.closed)
            with pytest.raises(ConnectionRefusedError):
                one_server.ask("GET", "/auth/me", token=token)
            kept.sendall(f"GET /auth/me HTTP/1.1\r\n{head}".encode())
            late = answers.next()
            assert kept.recv(1) == b""
            assert not begun.done()
            assert not stopped.done()
        assert begun.result().status == 201
        assert begun.result().headers["connection"] == "close"
        stopped.result()
    assert (late.status, late.headers["connection"]) == (200, "close")


def test_connection_that_waits_to_be_accepted_is_answered(one_server: Running):
    async def stop_with_a_connection_in_the_queue() -> socket.socket:
        # Nothing is awaited in between, so the event loop has not accepted it.
        connection = socket.create_connection(("127.0.0.1", one_server.port), timeout=20)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await stop(one_server)
        return connection

    with one_server.on_loop(stop_with_a_connection_in_the_queue()) as connection:
        answer = reply(connection)
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def stop(server: Running):
    return serve.wind_down(server.state, server.http_server, 0)


def test_patience_ends(one_server: Running, monkeypatch, caplog):
    monkeypatch.setattr(serve, "IN_FLIGHT_SECONDS", 0.1)
    token = one_server.register()
    with ThreadPoolExecutor(2) as pool:
        with one_server.core.database.writing():
            begun = pool.submit(
                one_server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token
            )
            until(lambda: one_server.state.in_flight == 1)
            one_server.on_loop(stop(one_server))
            assert "stopped with 1 requests that were not answered" in caplog.text
        assert begun.result().status == 201


def test_server_without_connections_stops_at_once(one_server: Running):
    until(lambda: not one_server.http_server.connections)
    begun = time.monotonic()
    one_server.on_loop(stop(one_server))
    assert time.monotonic() - begun < protocol.IDLE_SECONDS


def test_a_stop_in_the_middle_of_a_request_lets_it_be_answered(one_server: Running):
    token = one_server.register()
    with ThreadPoolExecutor(1) as pool:
        with one_server.core.database.writing():
            begun = pool.submit(
                one_server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token
            )
            until(lambda: one_server.state.in_flight == 1)
            one_server.stop()
            # Nobody is let in any more.
            until(lambda: not listens(one_server.port))
        assert begun.result().status == 201


def test_idle_connections_are_closed_by_a_stop(one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        one_server.stop()
        assert connection.recv(1) == b""


@pytest.fixture
def earlier_threads() -> set[threading.Thread]:
    """The threads that other tests of this process have left: the watchdog of connections lives as long as the process."""
    return set(threading.enumerate())


def test_no_thread_outlives_its_server(earlier_threads: set[threading.Thread], one_server: Running):
    one_server.register()
    one_server.stop()
    until(
        lambda: (
            not [
                thread
                for thread in threading.enumerate()
                if thread.name.startswith("stellary-") and thread not in earlier_threads
            ]
        )
    )


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
