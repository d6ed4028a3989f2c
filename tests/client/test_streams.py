"""Streams of the client: over broken connections, with both clients, and over a port."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from stellary import AsyncStellary, ConnectionFailed, NotFound, Stellary, UnreadableAnswer
from stellary.client.calling import stream
from stellary.client.testing import RecordingPort, make
from stellary.contract.activities import WorkspaceEvent
from stellary.contract.errors import Unavailable
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from tests.client import misbehaving
from tests.client.misbehaving import Behaviour, Misbehaving, hang_up, reset, say
from tests.support.colours import advance, resolve, run_client

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\nretry: 10\n\n"
END = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
FIRST, SECOND, THIRD = (
    make(WorkspaceEvent, type=kind) for kind in ("card_created", "card_moved", "card_archived")
)


@contextmanager
def serve_script(*script: Behaviour) -> Iterator[Misbehaving]:
    with misbehaving.misbehaving() as server:
        server.then(*script)
        yield server


def frame(number: int, activity: WorkspaceEvent) -> bytes:
    return b"id: %d\nevent: activity\ndata: %b\n\n" % (number, dump(activity))


def answer_not_found() -> bytes:
    body = b'{"statusCode": 404, "message": "Workspace not found", "error": "Not Found"}'
    return b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)


def open_events(client, **options):
    return client.workspace("acme", "eng").with_options(**options).events(last_event_id="7")


@pytest.fixture
def follow(colour):
    """Return a function that reads a stream to its end with a client of each class."""
    return lambda url, **options: run_client(
        colour(url, token="synth_x"), lambda client: open_events(client, **options)
    )


def test_broken_connection_is_resumed_at_last_event(follow):
    script = [
        say(HEAD + frame(8, FIRST)),
        reset,
        hang_up,
        say(HEAD + frame(9, SECOND) + frame(10, THIRD)[:-9]),
        say(HEAD + frame(10, THIRD)),
        say(END),
    ]
    with serve_script(*script) as server:
        assert follow(server.url) == [FIRST, SECOND, THIRD]
    seen = [request.partition(b"last-event-id: ")[2].partition(b"\r\n")[0] for request in server.requests]
    assert seen == [b"", b"8", b"8", b"8", b"9", b"10"]
    assert all(b"lastEventId=7" in request.split(b"\r\n")[0] for request in server.requests)


def test_permanent_failure_ends_the_stream(follow):
    with (
        serve_script(say(HEAD + frame(8, FIRST)), say(answer_not_found())) as server,
        pytest.raises(NotFound) as caught,
    ):
        follow(server.url)
    assert caught.value.message == "Workspace not found"
    assert caught.value.path == "/orgs/acme/workspaces/eng/events"


SCRIPT = [say(text) for text in (HEAD + frame(8, FIRST), answer_not_found(), HEAD + frame(9, SECOND), END)]


async def test_stream_continues_after_an_error(colour):
    with serve_script(*SCRIPT) as server:
        client = colour(server.url, token="synth_x")
        events = client.workspace("acme", "eng").events()
        assert await advance(events) == FIRST
        with pytest.raises(NotFound):
            await advance(events)
        assert await resolve(events) == [SECOND]
        await resolve(client.close())
    assert b"last-event-id: 8" in server.requests[2]


def test_stream_without_retries_ends_with_its_connection(follow):
    with serve_script(reset) as server, pytest.raises(ConnectionFailed):
        follow(server.url, retries=0)


def test_stream_ends_after_too_many_failures(follow, monkeypatch):
    monkeypatch.setattr(stream, "TRIES", 3)
    monkeypatch.setattr(stream, "PAUSE_FIRST", 0.01)
    with serve_script(reset) as server, pytest.raises(ConnectionFailed):
        follow(server.url)


PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAGE, "not an event stream"),
        (HEAD + b"id: 8\ndata: [1]\n\n", "cannot be read"),
        (HEAD + b"id: 8\ndata: " + b"x" * 2000, "an event exceeds the size limit"),
    ],
    ids=["page", "list", "too long"],
)
def test_unreadable_stream_raises(follow, monkeypatch, text, message):
    monkeypatch.setattr(stream, "EVENT_MAX", 1000)
    with serve_script(say(text)) as server, pytest.raises(UnreadableAnswer, match=message):
        follow(server.url)


async def test_last_event_id_is_that_of_the_last_consumed_event(colour):
    with serve_script(say(HEAD + frame(8, FIRST) + frame(9, SECOND))) as server:
        client = colour(server.url, token="synth_x")
        events = client.workspace("acme", "eng").events()
        assert events.last_event_id == ""
        assert await advance(events) == FIRST
        assert events.last_event_id == "8"
        await resolve(events.close())
        if colour is AsyncStellary:
            assert await resolve(events) == []
        await resolve(client.close())


def test_retry_after_of_a_stream_is_respected(monkeypatch):
    paused = []
    # Not the sleep of all threads: a server of another test may still run.
    monkeypatch.setattr(stream, "time", SimpleNamespace(sleep=paused.append))
    port = RecordingPort()
    answers = [Unavailable("busy", retry_after=7), Unavailable("busy"), RawResponse(204)]
    port.answer("workspace_events.stream", *answers)
    with Stellary.embedded(port).workspace("acme", "eng").events() as events:
        assert list(events) == []
    assert paused[0] == 7
    assert 1.5 <= paused[1] <= 2


def test_recording_port_streams_configured_events():
    port = RecordingPort()
    for answer, expected in ([FIRST, SECOND], [FIRST, SECOND]), (FIRST, [FIRST]):
        port.answer("workspace_events.stream", answer)
        with Stellary.embedded(port).workspace("acme", "eng").events() as events:
            assert list(events) == expected
            assert events.last_event_id == str(len(expected))


def test_closing_from_another_thread_ends_the_stream(core, owner_and_workspace):
    client, place = owner_and_workspace
    events = client.workspace(*place).events()
    done = threading.Event()

    def listen() -> None:
        assert list(events) == []
        done.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert not done.wait(0.1)
    events.close()
    assert done.wait(10)
    thread.join()


async def test_abandoned_async_stream_releases_its_thread(core, owner_and_workspace):
    _, place = owner_and_workspace
    actor = core.user(external_id="1", email="ann@example.com")
    async with AsyncStellary.embedded(core.port(actor)).workspace(*place).events() as events:
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 3)


@pytest.fixture
def owner_and_workspace(core):
    client = Stellary.embedded(core.port(core.user(external_id="1", email="ann@example.com")))
    organization = client.organizations.list()[0]
    return client, (organization.slug, client.organization(organization.slug).workspaces.list()[0].slug)
