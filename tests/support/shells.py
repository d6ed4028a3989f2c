"""The servers of the API: aiohttp, and an ASGI and a WSGI server around the applications for hosts."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn

from reference_server.settings import Settings
from reference_server.sockets import bind_socket
from stellary.asgi import AsgiApp
from stellary.core import Core
from stellary.core.http.limits import NO_LIMITS
from stellary.wsgi import WsgiApp
from tests.server.running import Reachable, running
from tests.support.waiting import wait_until

STOP_SECONDS = 20.0


class Shell(Reachable):
    """A server that listens on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port


@contextmanager
def serving_asgi(app: Any, **config: Any) -> Iterator[Shell]:
    """Serve an ASGI application with uvicorn until the block ends."""
    with bind_socket("127.0.0.1", 0) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, lifespan="on", **config)
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started, "uvicorn has not started"
        try:
            yield Shell(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)
            assert not thread.is_alive()


class _QuietHandler(WSGIRequestHandler):
    """A handler that logs nothing, and passes the path on as it was sent, as werkzeug does."""

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "REQUEST_URI": self.path}

    def log_message(self, *_: object) -> None:
        return


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """A server with a thread per connection."""

    daemon_threads = True


@contextmanager
def serving_wsgi(app: Any) -> Iterator[Shell]:
    """Serve a WSGI application until the block ends."""
    server = make_server("127.0.0.1", 0, app, _ThreadingServer, _QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Shell(server.server_port)
    finally:
        server.shutdown()
        thread.join(STOP_SECONDS)
        server.server_close()


@contextmanager
def running_asgi(core: Core, **options: Any) -> Iterator[Shell]:
    """Serve a core with uvicorn; without limits unless the options set them."""
    with serving_asgi(AsgiApp(core, **{"limits": NO_LIMITS, "jobs": False, **options})) as shell:
        yield shell


@contextmanager
def running_wsgi(core: Core, **options: Any) -> Iterator[Shell]:
    """Serve a core with a WSGI server; without limits unless the options set them."""
    app = WsgiApp(core, **{"limits": NO_LIMITS, "jobs": False, **options})
    with closing(app), serving_wsgi(app) as shell:
        yield shell


@contextmanager
def running_aiohttp(core: Core, **options: Any) -> Iterator[Reachable]:
    """Serve a core with the reference server."""
    with running(core, Settings(**{"limits": NO_LIMITS, "jobs": False, **options})) as server:
        yield server


SHELLS: dict[str, Callable[..., AbstractContextManager[Reachable]]] = {
    "aiohttp": running_aiohttp,
    "asgi": running_asgi,
    "wsgi": running_wsgi,
}
"""The server of each shell."""
