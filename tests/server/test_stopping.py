"""Stopping: the server reports not ready, finishes its requests, and then closes its connections."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from reference_server import serve
from tests.server.running import Replies, Reply, Running, reply
from tests.support.ports import listens
from tests.support.server_parts import protocol
from tests.support.waiting import wait_until


def test_stopping_server_is_not_ready_but_still_answers(sqlite_server: Running):
    sqlite_server.state.stopping = True
    ready = sqlite_server.ask("GET", "/health/ready")
    assert (ready.status, ready.json["code"], ready.headers["retry-after"]) == (503, "stopping", "1")
    assert sqlite_server.ask("GET", "/health/live").status == 200
    assert sqlite_server.ask("GET", "/auth/me").status == 401


def test_request_in_flight_and_request_on_a_kept_connection_are_answered(sqlite_server: Running):
    with ThreadPoolExecutor(4) as pool, sqlite_server.connect() as keep_alive:
        answers = Replies(keep_alive)
        request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        keep_alive.sendall(request)
        assert "connection" not in answers.next().headers
        with holding_request(sqlite_server, pool) as pending:
            stopped = pool.submit(sqlite_server.on_loop, stop(sqlite_server))
            wait_until(lambda: sqlite_server.state.closed)
            with pytest.raises(ConnectionRefusedError):
                sqlite_server.ask("GET", "/auth/me")
            keep_alive.sendall(request)
            late = answers.next()
            assert keep_alive.recv(1) == b""
            assert not pending.done()
            assert not stopped.done()
        assert pending.result().status == 201
        assert pending.result().headers["connection"] == "close"
        stopped.result()
    assert (late.status, late.headers["connection"]) == (200, "close")


def test_connection_that_waits_to_be_accepted_is_answered(sqlite_server: Running):
    async def stop_with_a_connection_in_the_queue() -> socket.socket:
        # Nothing is awaited in between, so that the event loop has not accepted the connection.
        connection = socket.create_connection(("127.0.0.1", sqlite_server.port), timeout=20)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        await stop(sqlite_server)
        return connection

    with sqlite_server.on_loop(stop_with_a_connection_in_the_queue()) as connection:
        answer = reply(connection)
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def stop(server: Running):
    return serve.wind_down(server.state, server.http_server, 0)


@contextmanager
def holding_request(server: Running, pool: ThreadPoolExecutor) -> Iterator[Future[Reply]]:
    """Yield a request that waits for the database until the block ends."""
    token = server.register()
    with server.core.database.writing():
        pending = pool.submit(server.ask, "POST", "/organizations", {"name": "Acme", "slug": "acme"}, token)
        wait_until(lambda: server.state.in_flight == 1)
        yield pending


def test_delayed_stop_ends(sqlite_server: Running):
    begin = time.monotonic()
    sqlite_server.on_loop(serve.wind_down(sqlite_server.state, sqlite_server.http_server, 0.1))
    # Timers of the loop may be some milliseconds early.
    assert time.monotonic() - begin >= 0.05
    assert not listens(sqlite_server.port)


def test_stop_does_not_wait_for_long_requests(sqlite_server: Running, monkeypatch, caplog):
    monkeypatch.setattr(serve, "IN_FLIGHT_SECONDS", 0.1)
    with ThreadPoolExecutor(2) as pool:
        with holding_request(sqlite_server, pool) as pending:
            sqlite_server.on_loop(stop(sqlite_server))
            assert "stopped with 1 requests that were not answered" in caplog.text
        assert pending.result().status == 201


def test_server_without_connections_stops_immediately(sqlite_server: Running, monkeypatch):
    monkeypatch.setattr(serve, "IN_FLIGHT_SECONDS", 600)
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 600)
    wait_until(lambda: not sqlite_server.http_server.connections)
    sqlite_server.on_loop(stop(sqlite_server))


@pytest.mark.slow("waits for a second of the clock")
def test_stop_closes_idle_connections(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply(connection).status == 200
        sqlite_server.stop()
        assert connection.recv(1) == b""


def test_connection_ends_with_its_client_while_the_rest_of_an_unwanted_body_is_read(
    monkeypatch, sqlite_server: Running
):
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 600)
    with sqlite_server.connect() as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nbegun")
        assert reply(connection).status == 404
        assert sqlite_server.http_server.connections
    wait_until(lambda: not sqlite_server.http_server.connections)


@pytest.fixture
def earlier_threads() -> set[threading.Thread]:
    """Return the threads of earlier tests: the watchdog of connections lives as long as the process."""
    return set(threading.enumerate())


def test_no_thread_outlives_its_server(earlier_threads: set[threading.Thread], sqlite_server: Running):
    sqlite_server.register()
    sqlite_server.stop()

    def list_new() -> list[str]:
        return [thread.name for thread in {*threading.enumerate()} - earlier_threads]

    wait_until(lambda: not [name for name in list_new() if name.startswith("stellary-")])
