"""Following a mission: all of it from its beginning, on from where one was, and no longer than one may."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest

from stellary import AsyncStellary, NotFound, Stellary
from stellary.contract.port import RawRequest
from stellary.contract.refs import AgentMissionRef
from stellary.core.agents import mission_log
from stellary.core.streaming import streams
from tests.core.agents.office import Office
from tests.server.running import running

KINDS = ["status", "status", "step", "message", "tool_call", "step", "status", "done"]
KINDS_SO_FAR = ["status", "status", "step", "message", "proposal", "tool_call", "status"]
SOON = 10.0


def handle(office: Office, client: Any, mission: Any) -> Any:
    return client.workspace(office.workspace.organization.slug, office.workspace.slug).mission(mission["id"])


@pytest.fixture
def client(office: Office):
    with Stellary.embedded(office.world.core.port(office.owner.actor)) as client:
        yield client


def test_a_mission_is_told_from_its_beginning_to_its_end(office: Office, client):
    mission = office.mission(office.agent(), "set priority high")
    office.worked(mission)
    with handle(office, client, mission).stream() as entries:
        found = list(entries)
    assert [entry.kind for entry in found] == KINDS
    assert [entry.id for entry in found] == list(range(1, 9))
    assert found[4].data["tool"] == "set_priority"
    assert found[-1].data == {"status": "completed", "result": "Done: set_priority.", "error": None}


def test_it_goes_on_from_what_was_seen(office: Office, client):
    mission = office.mission(office.agent(), "set priority high")
    office.worked(mission)
    at = handle(office, client, mission)
    assert [entry.id for entry in at.stream(last_event_id="6")] == [7, 8]
    assert [entry.id for entry in at.stream(last_event_id="7")] == [8]


def test_a_block_says_where_to_go_on(office: Office, client, monkeypatch):
    monkeypatch.setattr(mission_log, "_AFTER", mission_log._AFTER.limit(3))
    monkeypatch.setattr(mission_log, "READ_MAX", 3)
    mission = office.mission(office.agent(), "set priority high")
    office.worked(mission)
    assert [entry.kind for entry in handle(office, client, mission).stream()] == KINDS


def test_what_happens_is_told_as_it_happens(office: Office, client):
    mission = office.mission(office.agent("supervised"), "set priority high")
    told = threading.Event()
    found = []

    def follow():
        for entry in handle(office, client, mission).stream():
            found.append(entry.kind)
            if entry.kind == "proposal":
                told.set()

    thread = threading.Thread(target=follow)
    thread.start()
    office.worked(mission)
    assert told.wait(SOON)
    assert "done" not in found
    office.decide(office.proposals(mission)[0])
    office.worked(mission)
    thread.join(SOON)
    assert not thread.is_alive()
    assert found[-1] == "done"
    assert found.count("proposal") == 2


def test_waiting_ends_where_somebody_is_asked_and_where_it_is_over(office: Office, client):
    mission = office.mission(office.agent("supervised"), "set priority high")
    office.worked(mission)
    at, seen = handle(office, client, mission), []
    assert at.wait(lambda entry: seen.append(entry.kind)).status == "awaiting_approval"
    assert seen[-1] == "status"
    office.decide(office.proposals(mission)[0])
    office.worked(mission)
    # That it has waited once is told again, and no reason to stop.
    assert at.wait().status == "completed"


async def test_the_same_is_awaited(office: Office):
    mission = office.mission(office.agent(), "set priority high")
    office.worked(mission)
    async with AsyncStellary.embedded(office.world.core.port(office.owner.actor)) as client:
        at, seen = handle(office, client, mission), []
        async with at.stream() as entries:
            assert [entry.kind async for entry in entries] == KINDS
        assert (await at.wait(lambda entry: seen.append(entry.kind))).status == "completed"
        assert seen == KINDS


def test_a_mission_that_goes_ends_what_follows_it(office: Office, client):
    card = office.card()
    mission = office.mission(office.agent("supervised"), "set priority high", card)
    office.worked(mission)
    office.world.ask(office.owner, "DELETE", office.of(card))
    ref = office.workspace.ref.child(AgentMissionRef, mission["id"])
    assert mission_log._read(ref.mission_id, office.world.core, 3).over
    with pytest.raises(NotFound):
        list(handle(office, client, mission).stream())


def test_in_process_it_is_cut_with_the_right_to_read(office: Office):
    bob = office.world.person("bob")
    office.join(bob)
    mission = office.mission(office.agent("supervised"), "set priority high")
    office.worked(mission)
    with Stellary.embedded(office.world.core.port(bob.actor)) as client:
        entries = handle(office, client, mission).stream()
        assert [next(entries).kind for _ in range(7)] == KINDS_SO_FAR
        office.world.ask(office.owner, "DELETE", f"{office.flat}/members/{bob.id}")
        with pytest.raises(NotFound):
            next(entries)


def test_in_process_it_says_that_it_is_there_and_looks_whether_its_reader_may_be(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    mission = office.mission(office.agent("supervised"), "set priority high")
    clock, bearer = office.world.stop_clock(), office.world.bearer(office.owner)
    headers = {"authorization": f"Bearer {bearer}"}
    port = office.world.core.port()
    answer = port.stream(RawRequest("GET", f"{office.of_mission(mission)}/events", "", headers, b""))
    assert answer.status == 200
    blocks = iter(answer.blocks)
    assert next(blocks) == streams.OPENING
    assert next(blocks).startswith(b"id: 1\n")
    assert next(blocks) == streams.HEARTBEAT
    # A token that expires is noticed by that, though nobody tells of it.
    clock.advance(timedelta(days=8))
    assert [each for each in blocks if each != streams.HEARTBEAT] == []


def test_over_http_it_is_cut_with_the_right_to_read(office: Office):
    bob = office.world.person("bob")
    office.join(bob)
    mission = office.mission(office.agent("supervised"), "set priority high")
    office.worked(mission)
    with (
        running(office.world.core) as server,
        Stellary(f"http://127.0.0.1:{server.port}", token=office.world.bearer(bob)) as client,
    ):
        entries = handle(office, client, mission).stream()
        assert [next(entries).kind for _ in range(7)] == KINDS_SO_FAR
        begun = time.monotonic()
        office.world.ask(office.owner, "DELETE", f"{office.flat}/members/{bob.id}")
        with pytest.raises(NotFound):
            list(entries)
        assert time.monotonic() - begun < SOON


def test_the_events_bear_the_kinds_of_the_entries(office: Office):
    mission = office.mission(office.agent(), "set priority high")
    office.worked(mission)
    batch = mission_log._read(mission["id"], office.world.core, 7)
    id, kind, data = batch.frames.decode().strip().split("\n")
    assert (id, kind, batch.over) == ("id: 8", "event: done", True)
    assert orjson.loads(data.removeprefix("data: "))["data"]["status"] == "completed"
    assert mission_log._read(mission["id"], office.world.core, 8).over
