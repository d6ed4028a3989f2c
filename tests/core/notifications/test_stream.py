"""The record that is followed: whoever reads on from where he was misses nothing and reads nothing twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import orjson
import pytest

from stellary.contract.streaming import Follow
from stellary.core.api import dispatch
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor
from stellary.core.notifications.stream import stream_events
from stellary.core.streaming import streams
from tests.support.boards import Board
from tests.support.world import World

WRITERS, CARDS = 6, 15


@pytest.fixture
def world(core):
    return World(core)


@pytest.fixture
def board(world):
    return Board(world, world.person())


@pytest.fixture
def record(core, board):
    """What a member follows, from the beginning."""
    with core.view(board.owner.actor) as uow:
        return stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))


def told(batch):
    """The ids and titles in a batch."""
    found = []
    for frame in batch.frames.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in frame.split("\n"))
        found.append((int(fields["id"]), orjson.loads(fields["data"])["meta"].get("cardTitle")))
    return found


def test_whoever_follows_while_others_write_misses_nothing(core, world, board, record):
    done = threading.Event()
    seen = []

    def follow():
        position = 0
        while True:
            over = done.is_set()
            batch = record.read(core, position)
            position = batch.position
            seen.extend(told(batch))
            if over and not (batch.frames or batch.more or batch.pending):
                return

    def write(number):
        for step in range(CARDS):
            board.card(f"{number}-{step}", column=number % 3)

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in [follower, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join(30)
    assert not follower.is_alive()
    ids = [id for id, _ in seen]
    assert ids == sorted(set(ids))
    titles = [title for _, title in seen if title]
    assert sorted(titles) == sorted(f"{number}-{step}" for number in range(WRITERS) for step in range(CARDS))
    for number in range(WRITERS):
        mine = [title for title in titles if title.startswith(f"{number}-")]
        assert mine == [f"{number}-{step}" for step in range(CARDS)]


@pytest.mark.postgres
def test_what_is_committed_later_is_told_before_what_came_after_it(postgres_url):
    from stellary.core import Core

    core = Core(postgres_url)
    world = World(core)
    board = Board(world, world.person())
    with core.view(board.owner.actor) as uow:
        record = stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))
    position = record.read(core, 0).position
    with core.database.engine.connect() as slow, slow.begin():
        with core.begin(board.owner.actor, connection=slow) as uow:
            dispatch.SERVICES["projects.create"].function(
                uow, board.workspace.ref, dispatch.SERVICES["projects.create"].endpoint.takes(name="Slow")
            )
        # A number has been given out; what comes now, from another thread, has a higher one and has to wait.
        with ThreadPoolExecutor(1) as executor:
            executor.submit(board.card, "Quick").result()
        batch = record.read(core, position)
        assert (told(batch), batch.pending) == ([], True)
    batch = record.read(core, position)
    assert [title for _, title in told(batch)] == [None, "Quick"]
    assert record.read(core, batch.position) == streams.Batch(batch.position)
    core.close()


def test_a_block_says_where_to_go_on(core, board, record, monkeypatch):
    monkeypatch.setattr("stellary.core.notifications.stream.BATCH_SIZE", 200)
    cards = [{"columnId": board.columns[0]["id"], "title": str(number)} for number in range(250)]
    board.world.ask(board.owner, "POST", f"{board.path}/cards/bulk", {"cards": cards})
    first = record.read(core, 0)
    rest = record.read(core, first.position)
    assert (len(told(first)), first.more, rest.more) == (200, True, False)
    titles = [title for _, title in told(first) + told(rest)]
    assert titles == [None, *(card["title"] for card in cards)]


def test_a_number_is_never_used_twice(core, world, board, record):
    """What is deleted with its workspace leaves a gap: who waits behind it would otherwise miss what is put there."""
    other = Board(world, board.owner)
    other.card("Gone")
    position = record.read(core, 0).position
    world.ask(board.owner, "DELETE", other.flat)
    board.card("After")
    assert [title for _, title in told(record.read(core, position))] == ["After"]


def test_a_unit_that_is_undone_tells_nobody(core, world, board):
    heard = []
    core.env.signals.listen(heard.append)
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    assert world.status(board.owner, "POST", path, {"title": "", "assigneeId": "x"}) == 400
    with suppress(ZeroDivisionError), core.begin(NOBODY) as uow:
        uow.send_on_commit(ACCESS)
        raise ZeroDivisionError
    assert heard == []
    board.card("Told")
    assert heard == [f"workspace:{board.workspace.id}"]


def test_from_beyond_the_end_nothing_is_missed_that_happens_before_the_first_read(core, board):
    board.card("Before")
    with core.view(board.owner.actor) as uow:
        record = stream_events(uow, board.workspace.ref, Follow(last_event_id="9" * 18))
    board.card("Next")
    assert [title for _, title in told(record.read(core, record.after))] == ["Next"]


def test_reader_ahead_of_the_watermark_gets_nothing_twice(core, board, record):
    """It may be behind the end of the record for a moment, since somebody else is writing."""
    board.card("Told")
    end = record.read(core, None).position
    assert (record.read(core, end + 1).position, record.read(core, end + 1).frames) == (end + 1, b"")


def test_a_token_follows_what_it_may_read(core, board):
    board.world.ask(board.owner, "POST", f"{board.flat}/pilotage/missions", {"objective": "Sell"})
    board.card("Seen")
    found = {}
    for scopes in (("projects:read",), ("projects:read", "pilotage:read")):
        actor = Actor(board.owner.id, frozenset(scopes))
        with core.view(actor) as uow:
            record = stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))
        batch = record.read(core, 0)
        found[scopes] = [
            orjson.loads(frame.partition("data: ")[2])["type"]
            for frame in batch.frames.decode().split("\n\n")[:-1]
        ]
        assert record.read(core, batch.position).frames == b""
    assert list(found.values()) == [
        ["project_created", "card_created"],
        ["project_created", "mission_created", "card_created"],
    ]
