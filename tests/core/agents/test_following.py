"""Mission streams: from the beginning, from a later entry, and only as long as access lasts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest

from stellary import AsyncStellary, NotFound, Stellary
from stellary.contract.port import RawRequest
from stellary.contract.refs import AgentMissionRef
from stellary.core.agents import mission_log
from tests.core.agents.agent_api import AgentApi
from tests.server.running import running
from tests.support.boards import ask
from tests.support.core_parts import SEES_ALL, streams
from tests.support.world import Person

KINDS = ["status", "status", "step", "message", "tool_call", "step", "status", "done"]
KINDS_SO_FAR = ["status", "status", "step", "message", "proposal", "tool_call", "status"]
SOON = 10.0


def handle(board: AgentApi, client: Any, mission: Any) -> Any:
    return client.workspace(board.workspace.organization.slug, board.workspace.slug).mission(mission["id"])


@pytest.fixture
def client(board: AgentApi):
    with Stellary.embedded(board.world.core.port(board.owner.actor)) as client:
        yield client


def test_stream_contains_a_mission_from_start_to_end(board: AgentApi, client):
    with handle(board, client, board.start("autonomous", "set priority high")).stream() as entries:
        received = list(entries)
    assert [entry.kind for entry in received] == KINDS
    assert [entry.id for entry in received] == list(range(1, 9))
    assert received[4].data["tool"] == "set_priority"
    done = 'Done: Change LAU-1 *Write*: priority from empty to **"high"**.'
    assert received[-1].data == {"status": "completed", "result": done, "error": None}


def test_stream_resumes_after_the_last_entry(board: AgentApi, client):
    mission = board.start("autonomous", "set priority high")
    at = handle(board, client, mission)
    assert [entry.id for entry in at.stream(last_event_id="6")] == [7, 8]
    assert [entry.id for entry in at.stream(last_event_id="7")] == [8]


def test_block_contains_the_position_to_resume_from(board: AgentApi, client, monkeypatch):
    monkeypatch.setattr(mission_log, "READ_MAX", 3)
    mission = board.start("autonomous", "set priority high")
    assert [entry.kind for entry in handle(board, client, mission).stream()] == KINDS


def test_entries_are_streamed_as_they_occur(board: AgentApi, client):
    mission = board.mission(board.agent("supervised"), "set priority high")
    proposal_seen = threading.Event()
    kinds = []

    def follow():
        for entry in handle(board, client, mission).stream():
            kinds.append(entry.kind)
            if entry.kind == "proposal":
                proposal_seen.set()

    thread = threading.Thread(target=follow)
    thread.start()
    board.run_mission(mission)
    assert proposal_seen.wait(SOON)
    assert "done" not in kinds
    board.decide(board.proposals(mission)[0])
    board.run_mission(mission)
    thread.join(SOON)
    assert not thread.is_alive()
    assert kinds[-1] == "done"
    assert kinds.count("proposal") == 2


def test_wait_ends_at_a_decision_and_at_the_end(board: AgentApi, client):
    mission = board.start("supervised", "set priority high")
    at, entries = handle(board, client, mission), []
    assert at.wait(lambda entry: entries.append(entry.kind)).status == "awaiting_approval"
    assert entries[-1] == "status"
    board.decide(board.proposals(mission)[0])
    board.run_mission(mission)
    # That it has waited once is told again, and no reason to stop.
    assert at.wait().status == "completed"


async def test_async_stream_and_wait(board: AgentApi):
    mission = board.start("autonomous", "set priority high")
    async with AsyncStellary.embedded(board.world.core.port(board.owner.actor)) as client:
        at, received = handle(board, client, mission), []
        async with at.stream() as entries:
            assert [entry.kind async for entry in entries] == KINDS
        assert (await at.wait(lambda entry: received.append(entry.kind))).status == "completed"
        assert received == KINDS


def test_deleted_mission_ends_its_stream(board: AgentApi, client):
    card = board.card()
    mission = board.start("supervised", "set priority high", card)
    ask(board, "DELETE", board.of(card))
    ref = board.workspace.ref.child(AgentMissionRef, mission["id"])
    assert mission_log._read(ref.mission_id, board.world.core, 3, SEES_ALL).over
    with pytest.raises(NotFound):
        list(handle(board, client, mission).stream())


def test_embedded_stream_sends_heartbeats_and_checks_its_reader(board, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    mission = board.mission(board.agent("supervised"), "set priority high")
    clock, bearer = board.world.stop_clock(), board.world.bearer(board.owner)
    headers = {"authorization": f"Bearer {bearer}"}
    port = board.world.core.port()
    answer = port.stream(RawRequest("GET", f"{board.of_mission(mission)}/events", "", headers, b""))
    assert answer.status == 200
    blocks = iter(answer.blocks)
    assert next(blocks) == streams.OPENING
    assert next(blocks).startswith(b"id: 1\n")
    assert next(blocks) == streams.HEARTBEAT
    # A token that expires is noticed by that, though nobody tells of it.
    clock.advance(timedelta(days=8))
    assert [block for block in blocks if block != streams.HEARTBEAT] == []


@contextmanager
def connect_over_http(board: AgentApi, person: Person) -> Iterator[Stellary]:
    with (
        running(board.world.core) as server,
        Stellary(server.url, token=board.world.bearer(person)) as client,
    ):
        yield client


def connect_embedded(board: AgentApi, person: Person) -> Stellary:
    return Stellary.embedded(board.world.core.port(person.actor))


@pytest.mark.slow("waits before it connects again")
@pytest.mark.parametrize("connect", [connect_embedded, connect_over_http])
def test_stream_ends_with_the_right_to_read(board: AgentApi, bob, connect):
    board.join(bob)
    mission = board.start("supervised", "set priority high")
    with connect(board, bob) as client:
        entries = handle(board, client, mission).stream()
        assert [next(entries).kind for _ in range(7)] == KINDS_SO_FAR
        start = time.monotonic()
        ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
        with pytest.raises(NotFound):
            list(entries)
        assert time.monotonic() - start < SOON


def test_events_are_named_by_the_kinds_of_entries(board: AgentApi):
    mission = board.start("autonomous", "set priority high")
    batch = mission_log._read(mission["id"], board.world.core, 7, SEES_ALL)
    id, kind, data = batch.frames.decode().strip().split("\n")
    assert (id, kind, batch.over) == ("id: 8", "event: done", True)
    assert orjson.loads(data.removeprefix("data: "))["data"]["status"] == "completed"
    assert mission_log._read(mission["id"], board.world.core, 8, SEES_ALL).over
