"""Stopping: readiness ends first, then what was begun is finished, and only then the connections are closed."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server import serve
from tests.server.running import Running, reply


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


def test_what_is_in_flight_is_answered_and_what_is_new_is_refused(one_server: Running):
    token = one_server.register()
    with ThreadPoolExecutor(4) as pool:
        with one_server.core.database.writing():
            begun = pool.submit(
                one_server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token
            )
            until(lambda: one_server.state.in_flight == 1)
            idle = pool.submit(one_server.on_loop, one_server.state.idle(10))
            until(lambda: one_server.state.closed)
            refused = one_server.ask("GET", "/auth/me", token=token)
            ready = one_server.ask("GET", "/health/ready")
            assert not begun.done()
            assert not idle.done()
        assert begun.result().status == 201
        assert begun.result().headers["connection"] == "close"
        assert idle.result() is True
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "stopping", "1")
    assert refused.headers["connection"] == "close"
    assert ready.status == 503


def test_patience_ends(one_server: Running, monkeypatch, caplog):
    monkeypatch.setattr(serve, "IN_FLIGHT_SECONDS", 0.1)
    token = one_server.register()
    with ThreadPoolExecutor(2) as pool:
        with one_server.core.database.writing():
            begun = pool.submit(
                one_server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token
            )
            until(lambda: one_server.state.in_flight == 1)
            one_server.on_loop(serve.wind_down(one_server.state, 0))
            assert "stopped with 1 requests that were not answered" in caplog.text
        assert begun.result().status == 201


def test_nothing_in_flight_is_idle_at_once(one_server: Running):
    assert one_server.on_loop(one_server.state.idle(0)) is True


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


def test_no_thread_outlives_its_server(one_server: Running):
    one_server.register()
    one_server.stop()
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("stellary-")])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
