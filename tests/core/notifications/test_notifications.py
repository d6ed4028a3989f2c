"""The caller's notifications: the newest first, by the page, read once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stellary.core.accounts import tables
from stellary.core.kernel.unit import NOBODY
from tests.support.boards import Board


@pytest.fixture
def ann(world):
    return world.person("ann")


@pytest.fixture
def bob(world):
    return world.person("bob")


@pytest.fixture
def board(world, ann, bob):
    board = Board(world, ann)
    board.join(bob)
    return board


def tell(board, person, count):
    """Notify somebody of that many new cards. Returns the notifications' ids, the newest first."""
    cards = [
        {"title": str(number), "columnId": board.columns[0]["id"], "assigneeId": person.id}
        for number in range(count)
    ]
    board.world.ask(board.owner, "POST", f"{board.path}/cards/bulk", {"cards": cards})
    return [each["id"] for each in board.world.ask(person, "GET", f"/notifications?limit={count}")]


def ids(board, person, query=""):
    return [each["id"] for each in board.world.ask(person, "GET", f"/notifications{query}")]


def count(board, person):
    return board.world.ask(person, "GET", "/notifications/count")["count"]


def test_a_notification_is_an_activity_for_somebody(board, ann, bob):
    card = board.card("Write", assigneeId=bob.id)
    (found,) = board.world.ask(bob, "GET", "/notifications")
    assert found == {
        "id": found["id"],
        "userId": bob.id,
        "readAt": None,
        "activity": {
            "id": found["activity"]["id"],
            "type": "card_created",
            "actorId": ann.id,
            "actorName": "ann",
            "workspaceId": board.workspace.id,
            "projectId": board.project["id"],
            "cardId": card["id"],
            "meta": {"cardKey": card["key"], "cardTitle": "Write"},
            "createdAt": card["createdAt"],
        },
    }


def test_fifty_are_listed_if_nothing_else_is_asked_for(board, bob):
    told = tell(board, bob, 60)
    assert ids(board, bob) == told[:50]
    assert ids(board, bob, "?limit=2") == told[:2]
    assert board.world.status(bob, "GET", "/notifications?limit=501") == 400


def test_all_are_had_by_the_page_though_more_come(board, bob):
    told = tell(board, bob, 5)
    found, path = [], "/notifications?limit=2"
    while path:
        page = board.world.call(bob, "GET", path)
        found += [each["id"] for each in board.world.ask(bob, "GET", path)]
        tell(board, bob, 1)
        path = page.headers.get("link", "").partition("<")[2].partition(">")[0]
    assert found == told


@pytest.mark.parametrize("word", ["true", "1"])
def test_unread_ones_alone_are_listed(board, bob, word):
    told = tell(board, bob, 3)
    board.world.ask(bob, "PATCH", f"/notifications/{told[1]}/read")
    assert ids(board, bob, f"?unreadOnly={word}") == [told[0], told[2]]
    assert ids(board, bob, "?unreadOnly=false") == told
    assert count(board, bob) == 2


def test_one_is_read_once(board, bob):
    clock = board.world.stop_clock()
    (id,) = tell(board, bob, 1)
    first = board.world.ask(bob, "PATCH", f"/notifications/{id}/read")
    assert first["readAt"] == "2026-04-01T12:00:00Z"
    clock.advance(timedelta(hours=1))
    assert board.world.ask(bob, "PATCH", f"/notifications/{id}/read") == first
    assert board.world.ask(bob, "GET", "/notifications") == [first]


def test_all_are_read_at_once_and_stay_read_when_they_were(board, ann, bob):
    clock = board.world.stop_clock()
    told = tell(board, bob, 3)
    board.card(by=bob, assigneeId=ann.id)
    board.world.ask(bob, "PATCH", f"/notifications/{told[0]}/read")
    clock.advance(timedelta(hours=1))
    assert board.world.ask(bob, "PATCH", "/notifications/read-all") == {"ok": True}
    read = [each["readAt"] for each in board.world.ask(bob, "GET", "/notifications")]
    assert read == ["2026-04-01T12:00:00Z", "2026-04-01T13:00:00Z", "2026-04-01T13:00:00Z"]
    assert (count(board, bob), count(board, ann)) == (0, 1)


def test_somebody_elses_is_as_unknown_as_none(board, ann, bob):
    (id,) = tell(board, bob, 1)
    answers = {
        board.world.call(ann, "PATCH", f"/notifications/{each}/read", x_request_id="same").body
        for each in (id, "a" * 24, "nonsense", "%2e%2e")
    }
    assert len(answers) == 1
    assert b"Notification not found" in answers.pop()
    assert count(board, bob) == 1


def test_what_is_out_of_sight_is_not_shown(board):
    """Somebody who led the organization has never been a member of the workspace, and leaves nothing."""
    eve = board.world.person("eve")
    board.world.join_organization(eve, board.workspace.organization, "admin")
    (id,) = tell(board, eve, 1)
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


def test_lists_and_counts_take_one_statement_each(board, bob, statements):
    for number in (1, 20):
        tell(board, bob, number)
        for path in ("/notifications", "/notifications/count", "/notifications?unreadOnly=1&limit=3"):
            with statements() as sent:
                board.world.ask(bob, "GET", path)
            assert len(sent) == 1
