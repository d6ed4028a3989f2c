"""The ASGI application by itself: its lifespan, mounting, disconnected clients and idle streams."""

import asyncio
import tracemalloc
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import orjson
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from stellary import asgi
from stellary.asgi import AsgiApp
from stellary.core import Core
from tests.support.boards import create_board
from tests.support.core_parts import NO_LIMITS, AccessEntry
from tests.support.core_parts import http_streams as streams
from tests.support.shells import serving_asgi
from tests.support.waiting import wait_for

SOON = 10.0
STREAMS = 2000


@attrs.define
class Client:
    """A client of one request, without a server.

    Attributes:
        sent: The messages of the application.
        body: The body of the response so far.
    """

    app: Callable[..., Any]
    sent: list[Any] = attrs.field(factory=list)
    body: bytearray = attrs.field(factory=bytearray)
    leave: asyncio.Event = attrs.field(factory=asyncio.Event)
    messages: list[Any] = attrs.field(factory=list)

    async def request(self, method: str, path: str, token: str | None = None, **scope: Any) -> None:
        headers = [(b"host", b"x")]
        if token is not None:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        await self.app(
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": headers,
                "client": ("192.0.2.1", 1),
                **scope,
            },
            self.receive,
            self.send,
        )

    async def receive(self) -> Any:
        if self.messages:
            return self.messages.pop(0)
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.sent.append(message)
        else:
            self.body += message["body"]

    @property
    def status(self) -> int:
        return self.sent[0]["status"]


def make_app(core: Core, **options: Any) -> AsgiApp:
    return AsgiApp(core, **{"limits": NO_LIMITS, **options})


async def test_head_has_the_length_of_the_body_and_no_body(sqlite_core):
    app = make_app(sqlite_core)
    async with app.running():
        whole, head = Client(app), Client(app)
        await whole.request("GET", "/health/live")
        await head.request("HEAD", "/health/live")
    assert (head.status, bytes(head.body)) == (200, b"")
    assert dict(head.sent[0]["headers"])[b"content-length"] == str(len(whole.body)).encode()


async def test_unchanged_document_has_no_length(sqlite_core):
    app = make_app(sqlite_core)
    async with app.running():
        whole, again = Client(app), Client(app)
        await whole.request("GET", "/docs")
        etag = dict(whole.sent[0]["headers"])[b"etag"]
        await again.request("GET", "/docs", headers=[(b"host", b"x"), (b"if-none-match", etag)])
    assert again.status == 304
    assert b"content-length" not in dict(again.sent[0]["headers"])


async def test_request_before_the_lifespan_is_an_error(sqlite_core):
    with pytest.raises(RuntimeError, match="the application is not running"):
        await Client(make_app(sqlite_core)).request("GET", "/health/live")


async def test_lifespan_can_run_again(sqlite_core):
    app = make_app(sqlite_core)
    for _ in range(2):
        async with app.running():
            client = Client(app)
            await client.request("GET", "/health/live")
            assert client.status == 200
    async with app.running():
        with pytest.raises(RuntimeError, match="the application is running already"):
            async with app.running():
                pass


async def test_lifespan_deletes_old_rows(sqlite_core, monkeypatch):
    swept = asyncio.Event()
    loop = asyncio.get_running_loop()
    sweep = sqlite_core.delete_expired

    def delete_expired() -> dict[str, int]:
        counts = sweep()
        loop.call_soon_threadsafe(swept.set)
        return counts

    monkeypatch.setattr(sqlite_core, "delete_expired", delete_expired)
    async with make_app(sqlite_core).running(), asyncio.timeout(SOON):
        await swept.wait()


@pytest.mark.parametrize("root_path", ["/api", ""])
async def test_path_below_a_root_path(sqlite_core, root_path):
    app = make_app(sqlite_core)
    async with app.running():
        for path in ("/health/live", f"{root_path}/health/live"):
            client = Client(app)
            await client.request("GET", path, root_path=root_path)
            assert client.status == 200
        client = Client(app)
        await client.request("GET", "/", root_path=root_path, raw_path=None)
        assert orjson.loads(client.body)["docs"] == f"{root_path}/docs"


async def test_websocket_is_refused(sqlite_core):
    sent = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    client = Client(make_app(sqlite_core), messages=[{"type": "websocket.connect"}])
    await client.app({"type": "websocket", "path": "/"}, client.receive, send)
    assert sent == ["websocket.close"]


async def test_client_that_disconnects_while_it_sends_is_logged_with_499(sqlite_core):
    entries: list[AccessEntry] = []
    app = make_app(sqlite_core, access_log=entries.append)
    async with app.running():
        client = Client(app, messages=[{"type": "http.request", "body": b"{", "more_body": True}])
        client.leave.set()
        await client.request("POST", "/auth/login")
    assert (client.sent, [entry.status for entry in entries]) == ([], [499])


def mount(framework: str, app: AsgiApp) -> Any:
    """Return a host that mounts the application under ``/pm``."""

    @asynccontextmanager
    async def lifespan(_: Any):
        async with app.running():
            yield

    if framework == "starlette":
        return Starlette(routes=[Mount("/pm", app)], lifespan=lifespan)
    host = FastAPI(lifespan=lifespan)
    host.mount("/pm", app)
    return host


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_mounted_application_keeps_its_prefix(sqlite_core, framework):
    with serving_asgi(mount(framework, make_app(sqlite_core))) as server:
        board = create_board(sqlite_core)
        for number in range(3):
            board.card(str(number))
        token = board.bearer
        reply = server.ask("GET", f"/pm{board.path}/cards?limit=2", token=token)
        assert (reply.status, len(reply.json)) == (200, 2)
        assert reply.headers["link"].startswith(f"</pm{board.path}/cards?")
        assert server.ask("GET", "/pm/openapi.json").json["servers"] == [{"url": "/pm"}]
        assert b'"/pm/openapi.json"' in server.ask("GET", "/pm/docs").body
        assert server.ask("GET", f"{board.path}/cards", token=token).status == 404


class Stalled(Client):
    """A client that receives nothing after the beginning of a stream."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if b"retry" in self.body:
            await asyncio.Event().wait()


async def test_client_that_reads_nothing_is_disconnected(sqlite_core, monkeypatch):
    monkeypatch.setattr(streams, "BACKLOG_MAX", 100)
    board = create_board(sqlite_core)
    app = make_app(sqlite_core)
    async with app.running():
        client = Stalled(app, messages=[{"type": "http.request"}])
        following = asyncio.create_task(client.request("GET", f"{board.flat}/events", board.bearer))
        await wait_for(lambda: b"retry" in client.body)
        await asyncio.to_thread(board.card, "Never read")
        async with asyncio.timeout(SOON):
            await following
    assert b"Never read" not in client.body


async def test_client_that_reads_nothing_does_not_delay_a_stop(sqlite_core, monkeypatch):
    monkeypatch.setattr(asgi, "FLUSH_SECONDS", 0.1)
    board = create_board(sqlite_core)
    app = make_app(sqlite_core)
    client = Stalled(app, messages=[{"type": "http.request"}])
    async with app.running():
        following = asyncio.create_task(client.request("GET", f"{board.flat}/events", board.bearer))
        await wait_for(lambda: b"retry" in client.body)
    async with asyncio.timeout(SOON):
        await following


async def test_stream_ends_if_a_middleware_refuses_its_events(sqlite_core, caplog):
    board = create_board(sqlite_core)
    app = make_app(sqlite_core)

    class Refusing(Client):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "http.response.body":
                raise LookupError("the connection is unknown")

    async with app.running():
        tasks = asyncio.all_tasks()
        client = Refusing(app, messages=[{"type": "http.request"}])
        async with asyncio.timeout(SOON):
            await client.request("GET", f"{board.flat}/events", board.bearer)
        await wait_for(lambda: asyncio.all_tasks() <= tasks)
    assert "a stream broke off: LookupError: the connection is unknown" in caplog.text


@pytest.mark.slow("opens two thousand streams")
@pytest.mark.parametrize(("framework", "bytes_max"), [(None, 32 << 20), ("fastapi", 40 << 20)])
async def test_two_thousand_idle_streams_need_little_memory(sqlite_core, monkeypatch, framework, bytes_max):
    """Check the memory of streams, apart from what a server keeps for a connection; alone, and mounted in a host."""
    monkeypatch.setattr(streams, "STREAMS_PER_CALLER_MAX", STREAMS)
    board = create_board(sqlite_core)
    token = board.bearer
    app = make_app(sqlite_core)
    host, prefix = (app, "") if framework is None else (mount(framework, app), "/pm")
    path = f"{prefix}{board.flat}/events"
    async with app.running():
        clients = [Client(host, messages=[{"type": "http.request"}]) for _ in range(STREAMS)]
        tracemalloc.start()
        try:
            following = []
            # In groups, since requests that wait for a thread are limited.
            for start in range(0, STREAMS, 100):
                group = clients[start : start + 100]
                following += [asyncio.create_task(client.request("GET", path, token)) for client in group]
                await wait_for(lambda group=group: all(b"retry" in client.body for client in group))
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size < bytes_max
        await asyncio.to_thread(board.card, "For all")
        await wait_for(lambda: all(b"For all" in client.body for client in clients))
        for client in clients:
            client.leave.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*following), SOON)
        assert all(task.done() for task in following)
