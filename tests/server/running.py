"""A server in a thread of the test process, on a real port, with the core of the test."""

import asyncio
import io
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import attrs
import orjson
import uvloop

from reference_server.app import STATE, make_app
from reference_server.metrics import Metrics
from reference_server.protocol import HttpServer
from reference_server.serve import wind_down
from stellary.core import Core
from stellary.core.http.state import State
from tests.support.core_parts import NO_LIMITS, AccessEntry
from tests.support.server_parts import Settings, bind_socket


@attrs.frozen
class Reply:
    """A response with its complete body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Reachable:
    """A server on this machine, in the test process or another one.

    Attributes:
        port: The port on which it listens.
    """

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> Reply:
        """Send one request on a new connection. A keyword such as ``if_match`` sets the header ``If-Match``."""
        request_headers = {name.replace("_", "-"): text for name, text in headers.items()}
        if token is not None:
            request_headers["authorization"] = f"Bearer {token}"
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        if data is not None:
            request_headers.setdefault("content-type", "application/json")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            # A server may answer, and close the connection, before it has read the body.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, data, request_headers)
            return read(connection.getresponse())
        finally:
            connection.close()

    def send(self, *parts: bytes) -> Reply:
        """Send bytes unchanged, and return the response."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return reply(connection)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Yield a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            yield connection

    def create_project(self, token: str) -> str:
        """Create a project in the workspace ``eng`` of a new organization ``acme``, and return its path."""
        for path, name in (("/organizations", "acme"), ("/orgs/acme/workspaces", "eng")):
            answer = self.ask("POST", path, {"name": name.title(), "slug": name}, token)
            assert answer.status == 201, answer
        projects = "/orgs/acme/workspaces/eng/projects"
        answer = self.ask("POST", projects, {"name": "Launch"}, token)
        assert answer.status == 201, answer
        return f"{projects}/{answer.json['id']}"

    def create_card(self, token: str) -> str:
        """Create a card in a new project, and return its path."""
        project = self.create_project(token)
        column = self.ask("GET", f"{project}/columns", token=token).json[0]["id"]
        answer = self.ask("POST", f"{project}/columns/{column}/cards", {"title": "Files"}, token)
        assert answer.status == 201, answer
        return f"{project}/cards/{answer.json['id']}"

    def register(self, name: str = "ann", password: str = "correct horse") -> str:
        """Register a user, and return the token of the login."""
        answer = self.ask("POST", "/auth/register", {"email": f"{name}@example.com", "password": password})
        assert answer.status == 201, answer
        return answer.json["access_token"]


class Running(Reachable):
    """A server in a thread of this process.

    Attributes:
        entries: The access log.
        metrics: The metrics.
    """

    def __init__(self, core: Core, settings: Settings) -> None:
        self.core = core
        self.entries: list[AccessEntry] = []
        self.metrics = Metrics()
        self.app = make_app(core, settings, access_log=self.entries.append, metrics=self.metrics)
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def state(self) -> State:
        return self.app[STATE]

    def on_loop(self, call: Any) -> Any:
        """Run a coroutine on the event loop of the server, and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(20)

    def run(self, up: Future[None]) -> None:
        """Serve until ``stop`` is called; run this in a thread."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(up))

    def stop(self) -> None:
        """Stop the server, as a signal would."""
        assert self._loop is not None
        assert self._stop is not None
        with suppress(RuntimeError):  # it has stopped already
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self, up: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.http_server = HttpServer(self.app, shutdown_timeout=5)
        with bind_socket("127.0.0.1", 0) as listening:
            await self.http_server.start(listening)
            self.port = listening.getsockname()[1]
            up.set_result(None)
            await self._stop.wait()
            await wind_down(self.state, self.http_server, 0)
            await self.http_server.close()


# For a core whose units are savepoints of one connection, which a job thread must not use.
WITHOUT_JOBS = Settings(limits=NO_LIMITS, jobs=False)


@contextmanager
def running(core: Core, settings: Settings | None = None) -> Iterator[Running]:
    """Run a server with a core until the block ends; without limits unless the settings set them."""
    server = Running(core, settings or Settings(limits=NO_LIMITS))
    up: Future[None] = Future()
    thread = threading.Thread(target=server.run, args=(up,))
    thread.start()
    up.result(20)
    try:
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def encode_head(method: str, path: str, token: str, length: int | None = None, **headers: str) -> bytes:
    """Return the head of a request as it is sent, by default of one without a body."""
    fields = {"host": "x", "authorization": f"Bearer {token}"}
    if length is not None:
        fields |= {"content-type": "application/json", "content-length": str(length)}
    fields |= {name.replace("_", "-"): text for name, text in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Replies:
    """A reader of consecutive responses on one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def next(self, method: str = "GET") -> Reply:
        answer = HTTPResponse(self, method=method)  # type: ignore[arg-type] # it only calls makefile
        answer.begin()
        return read(answer)

    def makefile(self, _: str) -> Any:
        # HTTPResponse closes its file after the body, but the next response is read from the same file.
        return io.BufferedReader(_Unclosed(self._file), 1)


class _Unclosed(io.RawIOBase):
    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def reply(connection: socket.socket, method: str = "GET") -> Reply:
    """Read the only response on a connection."""
    return Replies(connection).next(method)


def read(answer: HTTPResponse) -> Reply:
    headers = {name.lower(): text for name, text in answer.getheaders()}
    if "set-cookie" in headers:
        headers["set-cookie"] = "\n".join(answer.headers.get_all("set-cookie", ()))
    return Reply(answer.status, headers, answer.read())
