"""The record behind event streams: a reader that continues from its position misses and repeats nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import orjson
import pytest

from stellary.contract.wire import Follow
from stellary.core import NOBODY, Actor
from stellary.core.notifications.stream import stream_events
from tests.support.boards import Board, ask, create_board
from tests.support.core_parts import ACCESS, dispatch, streams

WRITERS, CARDS = 6, 15


@pytest.fixture
def record(core, board):
    """Return the record that a member follows from the beginning."""
    with core.view(board.owner.actor) as uow:
        return stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))


def parse_batch(batch):
    """Return the ids and titles in a batch."""
    entries = []
    for frame in batch.frames.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in frame.split("\n"))
        entries.append((int(fields["id"]), orjson.loads(fields["data"])["meta"].get("cardTitle")))
    return entries


def test_reader_misses_nothing_during_concurrent_writes(core, board, record):
    done = threading.Event()
    positions = []

    def follow():
        position = 0
        while True:
            is_last = done.is_set()
            batch = record.read(core, position)
            position = batch.position
            positions.extend(parse_batch(batch))
            if is_last and not (batch.frames or batch.more or batch.pending):
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
    ids = [id for id, _ in positions]
    assert ids == sorted(set(ids))
    titles = [title for _, title in positions if title]
    assert sorted(titles) == sorted(f"{number}-{step}" for number in range(WRITERS) for step in range(CARDS))
    for number in range(WRITERS):
        mine = [title for title in titles if title.startswith(f"{number}-")]
        assert mine == [f"{number}-{step}" for step in range(CARDS)]


@pytest.mark.postgres
def test_reader_waits_for_earlier_uncommitted_events(postgres_core):

    board = create_board(postgres_core)
    with postgres_core.view(board.owner.actor) as uow:
        record = stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))
    position = record.read(postgres_core, 0).position
    with postgres_core.database.engine.connect() as slow, slow.begin():
        with postgres_core.begin(board.owner.actor, connection=slow) as uow:
            dispatch.SERVICES["projects.create"].function(
                uow, board.workspace.ref, dispatch.SERVICES["projects.create"].endpoint.takes(name="Slow")
            )
        # A number has been given out; what comes now, from another thread, has a higher one and has to wait.
        with ThreadPoolExecutor(1) as executor:
            executor.submit(board.card, "Quick").result()
        batch = record.read(postgres_core, position)
        assert (parse_batch(batch), batch.pending) == ([], True)
    batch = record.read(postgres_core, position)
    assert [title for _, title in parse_batch(batch)] == [None, "Quick"]
    assert record.read(postgres_core, batch.position) == streams.Batch(batch.position)


def test_batch_contains_the_next_position(core, board, record, monkeypatch):
    monkeypatch.setattr("stellary.core.notifications.stream.BATCH_SIZE", 200)
    board.cards(250)
    first = record.read(core, 0)
    remaining = record.read(core, first.position)
    assert (len(parse_batch(first)), first.more, remaining.more) == (200, True, False)
    titles = [title for _, title in parse_batch(first) + parse_batch(remaining)]
    assert titles == [None, *map(str, range(250))]


def test_a_number_is_never_used_twice(core, world, board, record):
    """Check that ids of a deleted workspace are not reused, since readers would miss the new events."""
    other = Board(world, board.owner)
    other.card("Gone")
    position = record.read(core, 0).position
    world.ask(board.owner, "DELETE", other.flat)
    board.card("After")
    assert [title for _, title in parse_batch(record.read(core, position))] == ["After"]


def test_rolled_back_unit_sends_no_signal(core, world, board):
    signals = []
    core.env.signals.listen(signals.append)
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    assert world.status(board.owner, "POST", path, {"title": "", "assigneeId": "x"}) == 400
    with suppress(ZeroDivisionError), core.begin(NOBODY) as uow:
        uow.send_on_commit(ACCESS)
        raise ZeroDivisionError
    assert signals == []
    board.card("Told")
    assert signals == [f"workspace:{board.workspace.id}"]


def test_from_beyond_the_end_nothing_is_missed_that_happens_before_the_first_read(core, board):
    board.card("Before")
    with core.view(board.owner.actor) as uow:
        record = stream_events(uow, board.workspace.ref, Follow(last_event_id="9" * 18))
    board.card("Next")
    assert [title for _, title in parse_batch(record.read(core, record.after))] == ["Next"]


def test_reader_ahead_of_the_watermark_gets_nothing_twice(core, board, record):
    """Check a position beyond the end, which may briefly occur while others write."""
    board.card("Told")
    end = record.read(core, None).position
    assert (record.read(core, end + 1).position, record.read(core, end + 1).frames) == (end + 1, b"")


def test_token_receives_only_permitted_events(core, board):
    ask(board, "POST", f"{board.flat}/pilotage/missions", {"objective": "Sell"})
    board.card("Seen")
    types_by_scope = {}
    for scopes in (("projects:read",), ("projects:read", "pilotage:read")):
        with core.view(Actor(board.owner.id, frozenset(scopes))) as uow:
            record = stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))
        batch = record.read(core, 0)
        types_by_scope[scopes] = [
            orjson.loads(frame.partition("data: ")[2])["type"]
            for frame in batch.frames.decode().split("\n\n")[:-1]
        ]
        assert record.read(core, batch.position).frames == b""
    expected = [["project_created", "card_created"], ["project_created", "mission_created", "card_created"]]
    assert list(types_by_scope.values()) == expected


def read_comments(core, board, person):
    """Return the type and the text of the comment of each event about a comment that a person receives."""
    with core.view(person.actor) as uow:
        record = stream_events(uow, board.workspace.ref, Follow(last_event_id="0"))
    frames = record.read(core, 0).frames.decode().split("\n\n")[:-1]
    events = [orjson.loads(frame.partition("data: ")[2]) for frame in frames]
    return [
        (event["type"], (event["comment"] or {}).get("content"))
        for event in events
        if "comment_" in event["type"]
    ]


def test_comments_have_their_text_until_they_are_deleted(core, board):
    card, document = board.card(), ask(board, "POST", f"{board.flat}/documents", {"title": "Plan"})
    paths = [f"{board.of(card)}/comments", f"{board.flat}/documents/{document['id']}/comments"]
    comments = [ask(board, "POST", path, {"content": "First."}) for path in paths]
    for path, comment in zip(paths, comments, strict=True):
        ask(board, "PATCH", f"{path}/{comment['id']}", {"content": "Second."})
    types = ["comment_added", "document_comment_added", "comment_updated", "document_comment_updated"]
    assert read_comments(core, board, board.owner) == [(type, "Second.") for type in types]
    for path, comment in zip(paths, comments, strict=True):
        ask(board, "DELETE", f"{path}/{comment['id']}")
    types += ["comment_deleted", "document_comment_deleted"]
    assert read_comments(core, board, board.owner) == [(type, None) for type in types]


def test_comments_that_have_moved_out_of_sight_have_no_text(core, board, bob):
    """The card and the document are in a private project now, of which the events about them do not speak."""
    board.join(bob)
    place = {"contextType": "project", "contextId": board.project["id"]}
    card, document = board.card(), ask(board, "POST", f"{board.flat}/documents", {"title": "Plan", **place})
    board.comment(card)
    path = f"{board.flat}/documents/{document['id']}"
    comment = ask(board, "POST", f"{path}/comments", {"content": "Well."})
    types = ["comment_added", "document_comment_added"]
    assert read_comments(core, board, bob) == [(type, "Well.") for type in types]
    hidden = Board(board.world, board.owner, board.workspace)
    ask(board, "PATCH", hidden.path, {"visibility": "private"})
    ask(board, "POST", f"{board.of(card)}/transfer", {"columnId": hidden.columns[0]["id"]})
    moved = {"contextType": "project", "contextId": hidden.project["id"]}
    ask(board, "PATCH", path, moved)
    ask(board, "PATCH", f"{path}/comments/{comment['id']}", {"content": "Secret."})
    assert "Secret." not in str(read_comments(core, board, bob))
    assert [text for _, text in read_comments(core, board, bob)] == [None] * len(
        read_comments(core, board, bob)
    )
