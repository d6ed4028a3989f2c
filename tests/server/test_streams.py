"""Event streams: delivered in real time, resumed, and ended when a caller loses access."""

import asyncio
import select
import socket
import threading
import time
from datetime import timedelta

import orjson
import pytest

from reference_server.app import HANDLER
from stellary.core.http import streams as server_streams
from tests.server.listening import SOON, Listening, listening
from tests.server.running import Running, encode_head, running
from tests.support.boards import Board, ask, create_board
from tests.support.core_parts import Threads, streams
from tests.support.each_case import for_each
from tests.support.waiting import wait_until
from tests.support.world import PASSWORD, World


@pytest.fixture
def world(core) -> World:
    return World(core)


@pytest.fixture
def board(world: World) -> Board:
    return Board(world, world.person())


@pytest.fixture
def events(board: Board) -> str:
    return f"{board.flat}/events"


async def test_signal_during_the_end_of_a_read_starts_another_read(sqlite_core):
    """Check that a read requested in any step of the event loop starts after that step."""
    threads = Threads(sqlite_core)
    hub = server_streams.Streams(sqlite_core, threads)
    reads = []

    async def read_on(topic):
        reads.append(topic)
        return

    hub._read_on = read_on
    for steps in range(6):
        hub._read_soon("a")
        for _ in range(steps):
            await asyncio.sleep(0)
        before = len(reads)
        hub._read_soon("a")
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(reads) > before, steps
    await threads.close(5)


@pytest.mark.slow("makes many events")
def test_long_gap_is_delivered_in_order(server: Running, world, board, events):
    path = f"{board.path}/cards/bulk"
    cards = [{"columnId": board.columns[0]["id"], "title": str(number)} for number in range(450)]
    world.ask(board.owner, "POST", path, {"cards": cards})
    with listening(server, f"{events}?lastEventId=0", board.bearer) as client:
        assert client.event()["type"] == "project_created"
        received = [client.event() for _ in cards]
        assert [activity["meta"]["cardTitle"] for activity in received] == [card["title"] for card in cards]
        assert len({activity["id"] for activity in received}) == len(cards)


def test_stream_delivers_events_of_its_workspace_only(server: Running, world, board, events):
    elsewhere = Board(world, board.owner)
    with listening(server, events, board.bearer) as client:
        elsewhere.card("Elsewhere")
        board.card("Here")
        assert client.event()["meta"]["cardTitle"] == "Here"


@for_each("last, status", [("soon", 400), ("-1", 400), ("9" * 19, 400), ("", 200), ("9" * 18, 200)])
def test_last_event_id_must_be_a_number(server: Running, board, events, last, status):
    with listening(server, events, board.bearer, last_event_id=last) as client:
        assert client.status == status
        if status == 400:
            assert orjson.loads(client.answer.read())["message"] == "lastEventId must be the id of an event"
        else:
            # An id beyond the end continues at the end.
            board.card("Next")
            assert client.event()["meta"]["cardTitle"] == "Next"


PASSWORDS = {"currentPassword": PASSWORD, "newPassword": "another horse"}


@pytest.mark.parametrize(
    ("by_member", "method", "path", "body"),
    [
        (False, "DELETE", "{0}/members/{1.id}", None),
        (True, "POST", "/organizations/{2.slug}/leave", None),
        (False, "DELETE", "{0}", None),
        (False, "DELETE", "/organizations/{2.slug}", None),
        (True, "POST", "/auth/change-password", PASSWORDS),
    ],
    ids=["removed", "left", "workspace", "organization", "password"],
)
def test_stream_ends_when_access_is_lost(server, world, board, events, by_member, method, path, body):
    member = world.person("bob")
    board.join(member)
    with listening(server, events, world.bearer(member)) as client:
        board.card("Seen")
        assert client.event()["meta"]["cardTitle"] == "Seen"
        began = time.monotonic()
        path = path.format(board.flat, member, board.workspace.organization)
        world.ask(member if by_member else board.owner, method, path, body)
        assert client.ends()
        assert time.monotonic() - began < SOON


def test_stream_of_a_revoked_token_ends_and_others_continue(server: Running, world, board, events):
    with (
        listening(server, events, world.api_token(board.owner)) as one,
        listening(server, events, board.bearer) as other,
    ):
        board.card("Seen")
        assert one.event()["meta"] == other.event()["meta"]
        (mine,) = world.ask(board.bearer, "GET", "/api-tokens")
        world.ask(board.bearer, "DELETE", f"/api-tokens/{mine['id']}")
        assert one.ends()
        board.card("Next")
        assert other.event()["meta"]["cardTitle"] == "Next"


@pytest.mark.parametrize("how", ["suspended", "deleted", "revoked"])
def test_stream_of_an_agent_without_access_ends(server: Running, world, board, events, how):
    body = {"name": "Scout", "tools": ["board.read"], "runtime": "external", "autonomyMode": "supervised"}
    agent = world.ask(board.owner, "POST", f"{board.flat}/agents", body)
    path = f"{board.flat}/agents/{agent['id']}"
    agent_token = world.ask(board.bearer, "POST", f"{path}/tokens", {"name": "scout"})
    with listening(server, events, agent_token["token"]) as client:
        assert client.status == 200
        board.card("Seen")
        assert client.event()["meta"]["cardTitle"] == "Seen"
        if how == "suspended":
            world.ask(board.owner, "PATCH", path, {"status": "suspended"})
        else:
            deleted_path = path if how == "deleted" else f"{path}/tokens/{agent_token['id']}"
            world.ask(board.bearer, "DELETE", deleted_path)
        assert client.ends()


def test_loss_of_access_without_a_signal_ends_the_stream(server: Running, world, board, events, monkeypatch):
    """Check a loss without a signal, such as a token that expires."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.2)
    clock = world.stop_clock()
    with listening(server, events, board.bearer) as client:
        assert client.block() == {"retry": "1000"}
        assert client.block() == {":": "still here"}
        clock.advance(timedelta(days=8))
        assert client.ends()


def test_stopping_server_ends_its_streams(core, board, events):
    with running(core) as server, listening(server, events, board.bearer) as client:
        assert client.block() == {"retry": "1000"}
        began = time.monotonic()
        server.stop()
        assert client.ends()
        assert time.monotonic() - began < SOON


def test_streams_of_the_same_workspace_share_a_read(server: Running, board, events, monkeypatch):
    bearer = board.bearer
    clients = [Listening(server.port, events, bearer) for _ in range(20)]
    for client in clients:
        assert client.block() == {"retry": "1000"}
    reads = []
    hub = server.app[HANDLER].api.streams
    wait_until(lambda: not hub._tasks)
    whole = hub._read
    monkeypatch.setattr(hub, "_read", lambda *about: (reads.append(about), whole(*about))[1])
    board.card("Once")
    assert {client.event()["meta"]["cardTitle"] for client in clients} == {"Once"}
    assert len(reads) < len(clients) / 2
    for client in clients:
        client.close()


def test_streams_at_one_position_deliver_what_each_caller_may_read(server: Running, world, board, events):
    member = world.person("bob")
    board.join(member)
    with (
        listening(server, events, board.bearer) as admins,
        listening(server, events, world.bearer(member)) as members,
    ):
        for client in (admins, members):
            assert client.block() == {"retry": "1000"}
        world.ask(board.owner, "POST", f"{board.flat}/members/invite", {"email": "eve@example.com"})
        board.card("One")
        assert [admins.event()["type"] for _ in range(2)] == ["invitation_created", "card_created"]
        assert members.event()["type"] == "card_created"


def test_stream_of_an_admin_ends_with_the_admin_rights(server: Running, world, board, events):
    admin = world.person("bob")
    world.join(admin, board.workspace, role="admin")
    with listening(server, events, world.bearer(admin)) as client:
        assert client.block() == {"retry": "1000"}
        world.ask(board.owner, "PATCH", f"{board.flat}/members/{admin.id}", {"role": "member"})
        assert client.ends()


def test_open_streams_per_user_are_limited(sqlite_server: Running, monkeypatch):
    board = create_board(sqlite_server.core)
    monkeypatch.setattr(server_streams, "STREAMS_PER_CALLER_MAX", 1)
    path, bearer = f"{board.flat}/events", board.bearer
    with listening(sqlite_server, path, bearer) as client:
        assert client.block() == {"retry": "1000"}
        refused = sqlite_server.ask("GET", path, token=bearer)
        assert (refused.status, refused.json["message"]) == (429, "1 streams are open already; close some")
        monkeypatch.setattr(server_streams, "STREAMS_MAX", 1)
        assert sqlite_server.ask("GET", path, token=bearer).status == 503
    monkeypatch.setattr(server_streams, "STREAMS_MAX", 9)

    def is_accepted() -> bool:
        with listening(sqlite_server, path, bearer) as client:
            return client.status == 200

    # The stream whose client has gone counts until the server has noticed.
    wait_until(is_accepted)


async def test_streams_that_are_opened_at_the_same_time_are_limited(sqlite_core, monkeypatch):
    monkeypatch.setattr(server_streams, "STREAMS_PER_CALLER_MAX", 2)
    threads = Threads(sqlite_core)
    hub = server_streams.Streams(sqlite_core, threads)
    is_failing = True

    def read(_: object, after: int | None) -> streams.Batch:
        if is_failing:
            raise LookupError("the database is away")
        return streams.Batch(after or 0)

    record = streams.Record(topic="a", after=None, read=read)

    async def open_five() -> list[str]:
        opening = [hub.open(record, "ann", lambda: True) for _ in range(5)]
        return [type(result).__name__ for result in await asyncio.gather(*opening, return_exceptions=True)]

    assert sorted(await open_five()) == ["LookupError"] * 2 + ["RateLimited"] * 3
    is_failing = False
    # Those that failed do not count.
    assert sorted(await open_five()) == ["RateLimited"] * 3 + ["StreamStart"] * 2
    hub.release("ann")
    assert sorted(await open_five()) == ["RateLimited"] * 4 + ["StreamStart"]
    await threads.close(5)


@pytest.mark.slow("fills the buffers of a connection")
def test_client_that_reads_nothing_is_disconnected(sqlite_server: Running, monkeypatch):
    monkeypatch.setattr(server_streams, "BACKLOG_MAX", 1 << 16)
    board = create_board(sqlite_server.core)
    cards = [{"columnId": board.columns[0]["id"], "title": "x" * 500} for _ in range(500)]
    with socket.create_connection(("127.0.0.1", sqlite_server.port), timeout=SOON) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(encode_head("GET", f"{board.flat}/events", board.bearer))
        assert deaf.recv(1) == b"H"
        for _ in range(12):
            ask(board, "POST", f"{board.path}/cards/bulk", {"cards": cards})
            if sqlite_server.state.in_flight == 0:
                break
        wait_until(lambda: sqlite_server.state.in_flight == 0)


def test_http_1_0_client_gets_a_stream_without_chunks(sqlite_server: Running):
    board = create_board(sqlite_server.core)
    with socket.create_connection(("127.0.0.1", sqlite_server.port), timeout=SOON) as old:
        old.sendall(
            f"GET {board.flat}/events HTTP/1.0\r\nAuthorization: Bearer {board.bearer}\r\n\r\n".encode()
        )
        received = b""
        while b"retry: 1000\n\n" not in received:
            received += old.recv(65536)
        assert b"chunked" not in received.lower()
        board.card("Old")
        assert select.select([old], [], [], SOON)[0]
        assert old.recv(65536).startswith(b"id: ")


def test_open_stream_needs_no_task_and_is_logged_at_its_end(sqlite_server: Running):
    board = create_board(sqlite_server.core)
    with listening(sqlite_server, f"{board.flat}/events", board.bearer) as client:
        assert client.block() == {"retry": "1000"}
        assert client.answer.headers["connection"] == "close"
        # aiohttp's protocol, request, parser and tasks have been freed.
        wait_until(lambda: not sqlite_server.http_server.connections)
        assert len(sqlite_server.http_server.detached_protocols) == 1
        assert sqlite_server.state.in_flight == 1
        assert sqlite_server.entries == []
    wait_until(lambda: sqlite_server.entries)
    assert sqlite_server.state.in_flight == 0
    (entry,) = sqlite_server.entries
    assert (entry.path, entry.status, entry.user_id) == (f"{board.flat}/events", 200, board.owner.id)
    assert not sqlite_server.http_server.detached_protocols


def test_data_of_the_client_does_not_affect_its_stream(sqlite_server: Running):
    board = create_board(sqlite_server.core)
    with sqlite_server.connect() as connection:
        connection.sendall(encode_head("GET", f"{board.flat}/events", board.bearer) * 2)
        received = b""
        while b"retry: 1000" not in received:
            received += connection.recv(65536)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" + b"no HTTP" * 50_000)
        board.card("Still here")
        while b"Still here" not in received:
            received += connection.recv(65536)
    assert received.count(b"HTTP/1.1") == 1
    wait_until(lambda: sqlite_server.state.in_flight == 0)
    assert [entry.path for entry in sqlite_server.entries] == [f"{board.flat}/events"]


def test_failed_read_is_retried(server: Running, board, events, monkeypatch):
    monkeypatch.setattr(server_streams, "TROUBLED_SECONDS", 0.1)
    failing = threading.Event()
    whole = server.app[HANDLER].api.streams._read

    async def read(record, position):
        if position is not None and not failing.is_set():
            failing.set()
            raise OSError("no database")
        return await whole(record, position)

    with listening(server, events, board.bearer) as client:
        assert client.block() == {"retry": "1000"}
        monkeypatch.setattr(server.app[HANDLER].api.streams, "_read", read)
        board.card("After all")
        assert client.event()["meta"]["cardTitle"] == "After all"
    assert failing.is_set()
