"""The caller's notifications: newest first, paginated, marked as read once."""

from datetime import timedelta

import pytest

from stellary.core import NOBODY
from tests.support import tables
from tests.support.boards import Board
from tests.support.statements import count_statements


@pytest.fixture
def board(world, ann, bob):
    board = Board(world, ann)
    board.join(bob)
    return board


def notify(board, person, count):
    """Notify a person of ``count`` new cards, and return the ids of the notifications, newest first."""
    board.cards(count, assigneeId=person.id)
    return [
        notification["id"] for notification in board.world.ask(person, "GET", f"/notifications?limit={count}")
    ]


def ids(board, person, query=""):
    return [notification["id"] for notification in board.world.ask(person, "GET", f"/notifications{query}")]


def count(board, person):
    return board.world.ask(person, "GET", "/notifications/count")["count"]


def test_notification_contains_its_activity(board, bob):
    board.card("Write", assigneeId=bob.id)
    (notification,) = board.world.ask(bob, "GET", "/notifications")
    (activity,) = board.world.ask(bob, "GET", f"{board.path}/activity?limit=1")
    expected = {"id": notification["id"], "userId": bob.id, "readAt": None, "activity": activity}
    assert notification == expected
    change = {"field": "assigneeId", "from": None, "to": bob.id, "names": {bob.id: "bob"}, "diff": None}
    assert (activity["type"], change in activity["changes"]) == ("card_created", True)


def test_fifty_are_listed_if_nothing_else_is_asked_for(board, bob):
    expected = notify(board, bob, 60)
    assert ids(board, bob) == expected[:50]
    assert ids(board, bob, "?limit=2") == expected[:2]
    assert board.world.status(bob, "GET", "/notifications?limit=501") == 400


@pytest.mark.parametrize("word", ["true", "1"])
def test_unread_ones_alone_are_listed(board, bob, word):
    expected = notify(board, bob, 3)
    board.world.ask(bob, "PATCH", f"/notifications/{expected[1]}/read")
    assert ids(board, bob, f"?unreadOnly={word}") == [expected[0], expected[2]]
    assert ids(board, bob, "?unreadOnly=false") == expected
    assert count(board, bob) == 2


def test_notification_is_marked_as_read_once(board, bob, clock):
    (id,) = notify(board, bob, 1)
    first = board.world.ask(bob, "PATCH", f"/notifications/{id}/read")
    assert first["readAt"] == "2026-04-01T12:00:00Z"
    clock.advance(timedelta(hours=1))
    assert board.world.ask(bob, "PATCH", f"/notifications/{id}/read") == first
    assert board.world.ask(bob, "GET", "/notifications") == [first]


def test_read_all_keeps_earlier_read_times(board, ann, bob, clock):
    ids = notify(board, bob, 3)
    board.card(by=bob, assigneeId=ann.id)
    board.world.ask(bob, "PATCH", f"/notifications/{ids[0]}/read")
    clock.advance(timedelta(hours=1))
    assert board.world.ask(bob, "PATCH", "/notifications/read-all") == {"ok": True}
    read = [notification["readAt"] for notification in board.world.ask(bob, "GET", "/notifications")]
    assert read == ["2026-04-01T12:00:00Z", "2026-04-01T13:00:00Z", "2026-04-01T13:00:00Z"]
    assert (count(board, bob), count(board, ann)) == (0, 1)


def test_notifications_without_access_are_hidden(board):
    """Check a former organization admin, who was never a member of the workspace."""
    eve = board.world.person("eve")
    board.world.join_organization(eve, board.workspace.organization, "admin")
    (id,) = notify(board, eve, 1)
    assert count(board, eve) == 1
    member = tables.organization_members.c
    with board.world.core.begin(NOBODY) as uow:
        uow.connection.execute(
            tables.organization_members.update().where(member.user_id == eve.id, member.role == "admin"),
            {"role": "member"},
        )
    assert ids(board, eve) == []
    assert count(board, eve) == 0
    assert board.world.status(eve, "PATCH", f"/notifications/{id}/read") == 404


def test_lists_and_counts_take_one_statement_each(board, bob):
    for number in (1, 20):
        notify(board, bob, number)
        for path in ("/notifications", "/notifications/count", "/notifications?unreadOnly=1&limit=3"):
            assert count_statements(board.world.ask, bob, "GET", path) == 1
