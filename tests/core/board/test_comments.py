"""Comments: permissions, counts and notifications."""

from datetime import timedelta

import pytest

from stellary.contract.comments import CreateComment
from stellary.contract.refs import CardRef
from stellary.core import events
from stellary.core.board import comments
from tests.support.boards import ask, status
from tests.support.world import at_once


def test_comments_are_listed_oldest_first_with_their_authors_names(board, bob):
    board.join(bob)
    card = board.card()
    new_comments = [
        board.comment(card, "one"),
        board.comment(card, "two", by=bob),
        board.comment(card, "three"),
    ]
    assert ask(board, "GET", f"{board.of(card)}/comments") == new_comments
    assert [comment["authorName"] for comment in new_comments] == ["ann", "bob", "ann"]
    assert {comment["cardId"] for comment in new_comments} == {card["id"]}


@pytest.mark.parametrize(
    ("content", "expected"), [("", 400), ("  ", 400), ("x", 201), ("é" * 2000, 201), ("é" * 2001, 400)]
)
def test_a_comment_has_from_1_to_2000_characters(board, content, expected):
    card = board.card()
    assert status(board, "POST", f"{board.of(card)}/comments", {"content": content}) == expected


def test_comments_are_counted_on_their_card(board, clock):
    card = board.card()
    clock.advance(timedelta(minutes=1))
    first, second = board.comment(card), board.comment(card)
    counted = board.read(card)
    assert counted["commentCount"] == 2
    assert counted["updatedAt"] > card["updatedAt"]
    # Whoever has an edit of the card in hand is not told that it is stale.
    assert counted["version"] == card["version"]
    for comment in (first, second):
        ask(board, "DELETE", f"{board.of(card)}/comments/{comment['id']}")
    assert board.read(card)["commentCount"] == 0


def test_concurrent_creation_and_deletion_keeps_the_count_right(board):
    card = board.card()
    old = [board.comment(card) for _ in range(3)]

    def delete(comment):
        return status(board, "DELETE", f"{board.of(card)}/comments/{comment['id']}")

    at_once(*[lambda: board.comment(card)] * 3, *[lambda comment=comment: delete(comment) for comment in old])
    assert board.read(card)["commentCount"] == 3


def test_comment_on_a_concurrently_deleted_card_is_refused(board):
    for _ in range(5):
        card = board.card()
        body = {"content": "Well."}
        answers = at_once(
            lambda: status(board, "POST", f"{board.of(card)}/comments", body),  # noqa: B023
            lambda: status(board, "DELETE", board.of(card)),  # noqa: B023
        )
        assert answers[0] in (201, 404)
        assert answers[1] == 200


def test_changed_comment_keeps_its_author(board, bob, clock):
    board.join(bob)
    card = board.card()
    before = board.comment(card, by=bob)
    clock.advance(timedelta(minutes=1))
    path = f"{board.of(card)}/comments/{before['id']}"
    assert board.world.ask(bob, "PATCH", path, {}) == before
    assert board.world.ask(bob, "PATCH", path, {"content": "Well."}) == before
    after = ask(board, "PATCH", path, {"content": "Better."})
    assert after == before | {"content": "Better.", "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert board.world.ask(bob, "GET", f"{board.of(card)}/comments") == [after]


def test_event_of_a_comment_has_the_current_card(board):
    card = board.card()
    ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        new_comment = comments.create_comment(uow, ref, CreateComment(content="Well."))
        (event,) = uow.events
    assert isinstance(event, events.CommentCreated)
    assert (event.comment, event.card.comment_count, event.card.id) == (new_comment, 1, card["id"])
