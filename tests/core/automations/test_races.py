"""Concurrent toggling of a rule: each request sees the state that the previous one left, and one of them turns it on.

``python3 dev.py races`` runs two hundred rounds of each.
"""

from collections import Counter

import pytest

from tests.support.boards import ask
from tests.support.world import at_once

CLIENTS = 16
pytestmark = pytest.mark.race


@pytest.fixture
def crowd(board):
    """Return sixteen users who manage the project."""
    people = [board.world.person(f"p{number}") for number in range(CLIENTS)]
    for person in people:
        board.world.join(person, board.workspace, role="admin")
    return people


def send_from_all(board, crowd, path, body):
    """Send the same change on behalf of many users simultaneously, and return their responses."""
    return at_once(*[lambda who=who: board.world.ask(who, "PATCH", path, body) for who in crowd])


def toggle_from_all(board, crowd, rule, body):
    """Toggle a rule on behalf of many users simultaneously, and return their responses."""
    return send_from_all(board, crowd, f"{board.of_rule(rule)}/toggle", body)


def test_one_of_many_concurrent_activations_owns_the_rule(board, crowd, rounds):
    rule = board.rule("task_moved", "archive_card")
    for _ in range(rounds):
        board.turn(rule, enabled=False)
        responses = toggle_from_all(board, crowd, rule, {"enabled": True})
        owner = {response["ownerId"] for response in responses}
        assert {response["enabled"] for response in responses} == {True}
        assert len(owner) == 1
        assert owner <= {who.id for who in crowd}
        now = board.rule_now(rule)
        assert (now["enabled"], {now["ownerId"]}) == (True, owner)


def test_concurrent_toggles_of_a_rule_are_serialized(board, crowd, rounds):
    rule = board.rule("task_moved", "archive_card")
    for _ in range(rounds):
        counts = Counter(response["enabled"] for response in toggle_from_all(board, crowd, rule, {}))
        assert counts == {True: CLIENTS / 2, False: CLIENTS / 2}
        assert board.rule_now(rule)["enabled"]


def test_rule_acts_once_for_each_concurrent_move(board, crowd, rounds):
    rule = board.rule("task_moved", "add_comment", content="Moved.")
    for number in range(rounds):
        card = board.card(str(number))
        send_from_all(board, crowd, board.of(card), {"columnId": board.columns[1]["id"]})
        board.world.core.work.run_due()
        # One has moved it; the others have found it where they wanted it.
        assert board.read(card)["commentCount"] == 1
    assert board.results(rule) == ["success"] * rounds


def test_rules_on_each_others_cards_do_not_deadlock(board, crowd, rounds):
    """Check with two rules that each change the other one's card."""
    pair = [board.card("left"), board.card("right")]
    rules = [
        board.rule(
            "task_moved",
            "add_checklist_item",
            {"all": [{"field": "title", "op": "eq", "value": here["title"]}]},
            cardId=there["id"],
            title="step",
        )
        for here, there in (pair, pair[::-1])
    ]

    def moving(number, column):
        who, card = crowd[number], pair[number % 2]
        body = {"columnId": board.columns[column]["id"]}
        return lambda: board.world.status(who, "PATCH", board.of(card), body)

    for number in range(rounds):
        # Only one of the requests that move the same card to the same place moves it.
        assert set(at_once(*[moving(client, 1 + number % 2) for client in range(6)])) == {200}
        board.world.core.work.run_due()
        for card in pair:
            ask(board, "PATCH", board.of(card), {"checklist": []})
    assert [board.results(rule).count("success") for rule in rules] == [rounds, rounds]
