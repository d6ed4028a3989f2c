"""The WSGI application by itself: paths, bodies that break off, its end, and processes that fork."""

import io
import os
import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from stellary.core import Core
from stellary.wsgi import WsgiApp
from tests.server.listening import SOON, listening
from tests.server.running import Reply
from tests.support.boards import create_board
from tests.support.core_parts import NO_LIMITS
from tests.support.in_process import call_wsgi
from tests.support.shells import serving_wsgi
from tests.support.waiting import wait_until

ANN = {"email": "ann@example.com", "password": "correct horse"}


@pytest.fixture
def app(sqlite_core: Core) -> Iterable[WsgiApp]:
    app = WsgiApp(sqlite_core, limits=NO_LIMITS, jobs=False)
    yield app
    app.close()


def ask(app: Any, path: str, method: str = "GET", body: Any = None, **environ: Any) -> Reply:
    """Send a request with variables of its environment, and return the response."""
    return call_wsgi(app, "", None, method, path, body, environ)


def test_unchanged_document_has_no_length(app):
    reply = ask(app, "/docs", HTTP_IF_NONE_MATCH=ask(app, "/docs").headers["etag"])
    assert (reply.status, reply.body) == (304, b"")
    assert "content-length" not in reply.headers


@pytest.mark.parametrize(
    "more", [{}, {"REQUEST_URI": "/pm/?a=1"}, {"RAW_URI": "/pm/"}, {"REQUEST_URI": "/"}], ids=str
)
def test_prefix_of_the_host_is_kept(app, more):
    reply = ask(app, "/", SCRIPT_NAME="/pm", **more)
    assert (reply.status, reply.json["docs"]) == (200, "/pm/docs")


def test_body_that_breaks_off_returns_400(app):
    reply = ask(app, "/auth/login", "POST", b"{", CONTENT_LENGTH="10")
    assert (reply.status, reply.json["code"]) == (400, "invalid")
    assert "incomplete" in reply.json["message"]


def test_body_without_a_length_is_read_if_the_server_marks_its_end(app):
    terminated = {"wsgi.input_terminated": True}
    assert ask(app, "/auth/register", "POST", ANN, CONTENT_LENGTH="", **terminated).status == 201
    assert ask(app, "/auth/login", "POST", ANN, CONTENT_LENGTH="").status == 400


def test_application_starts_again_after_its_end(app):
    assert ask(app, "/health/live").status == 200
    app.close()
    assert ask(app, "/health/ready").status == 200


def test_end_of_the_application_ends_streams(sqlite_core):
    board = create_board(sqlite_core)
    app = WsgiApp(sqlite_core, limits=NO_LIMITS, jobs=False)
    with (
        serving_wsgi(app) as server,
        listening(server, f"{board.flat}/events", board.bearer) as client,
    ):
        assert client.block() == {"retry": "1000"}
        app.close()
        assert client.ends()


def test_end_of_the_application_waits_for_a_request(app):
    is_reading, is_sent = threading.Event(), threading.Event()

    class SlowInput(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            is_reading.set()
            assert is_sent.wait(SOON)
            return super().read(size)

    with ThreadPoolExecutor() as threads:
        slow = {"wsgi.input": SlowInput(orjson.dumps(ANN))}
        login = threads.submit(ask, app, "/auth/login", "POST", ANN, **slow)
        assert is_reading.wait(SOON)
        state = app._thread.api.state
        end = threads.submit(app.close)
        wait_until(lambda: state.closed)
        is_sent.set()
        assert login.result(SOON).status == 401
        end.result(SOON)


def test_child_of_a_fork_answers(app):
    assert ask(app, "/health/live").status == 200
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, ask(app, "/health/live").body)
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    assert os.read(read_end, 100) == ask(app, "/health/live").body == b'{"status":"ok"}'
    os.close(read_end)


def test_application_mounted_beside_flask(app):
    host = Flask("host")
    host.add_url_rule("/", view_func=lambda: "hello")
    host.wsgi_app = DispatcherMiddleware(host.wsgi_app, {"/pm": app})
    with serving_wsgi(host) as server:
        assert server.ask("GET", "/").body == b"hello"
        assert server.ask("GET", "/pm/openapi.json").json["servers"] == [{"url": "/pm"}]


def test_application_that_gevent_patches_too_late_is_refused(sqlite_core, monkeypatch):
    # What gevent.monkey.patch_all() does, here after stellary was imported.
    monkeypatch.setattr(queue, "SimpleQueue", queue.Queue)
    app = WsgiApp(sqlite_core)
    with pytest.raises(RuntimeError, match=r"call gevent\.monkey\.patch_all\(\) first"):
        app({"REQUEST_METHOD": "GET", "PATH_INFO": "/health/live"}, lambda *_: None)
