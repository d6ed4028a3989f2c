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
def crowd(automation_api):
    """Return sixteen users who manage the project."""
    people = [automation_api.world.person(f"p{number}") for number in range(CLIENTS)]
    for person in people:
        automation_api.world.join(person, automation_api.workspace, role="admin")
    return people


def send_from_all(automation_api, crowd, path, body):
    """Send the same change on behalf of many users simultaneously, and return their responses."""
    return at_once(*[lambda who=who: automation_api.world.ask(who, "PATCH", path, body) for who in crowd])


def toggle_from_all(automation_api, crowd, rule, body):
    """Toggle a rule on behalf of many users simultaneously, and return their responses."""
    return send_from_all(automation_api, crowd, f"{automation_api.of_rule(rule)}/toggle", body)


def test_one_of_many_concurrent_activations_owns_the_rule(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "archive_card")
    for _ in range(rounds):
        automation_api.turn(rule, enabled=False)
        responses = toggle_from_all(automation_api, crowd, rule, {"enabled": True})
        owner = {response["ownerId"] for response in responses}
        assert {response["enabled"] for response in responses} == {True}
        assert len(owner) == 1
        assert owner <= {who.id for who in crowd}
        now = automation_api.rule_now(rule)
        assert (now["enabled"], {now["ownerId"]}) == (True, owner)


def test_concurrent_toggles_of_a_rule_are_serialized(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "archive_card")
    for _ in range(rounds):
        responses = toggle_from_all(automation_api, crowd, rule, {})
        assert Counter(response["enabled"] for response in responses) == {
            True: CLIENTS / 2,
            False: CLIENTS / 2,
        }
        assert automation_api.rule_now(rule)["enabled"]


def test_rule_acts_once_for_each_concurrent_move(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "add_comment", content="Moved.")
    for number in range(rounds):
        card = automation_api.card(str(number))
        send_from_all(
            automation_api, crowd, automation_api.of(card), {"columnId": automation_api.columns[1]["id"]}
        )
        automation_api.world.core.work.run_due()
        # One has moved it; the others have found it where they wanted it.
        assert automation_api.read(card)["commentCount"] == 1
    assert automation_api.results(rule) == ["success"] * rounds


def test_rules_on_each_others_cards_do_not_deadlock(automation_api, crowd, rounds):
    """Check with two rules that each change the other one's card."""
    pair = [automation_api.card("left"), automation_api.card("right")]
    rules = [
        automation_api.rule(
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
        body = {"columnId": automation_api.columns[column]["id"]}
        return lambda: automation_api.world.status(who, "PATCH", automation_api.of(card), body)

    for number in range(rounds):
        # Only one of the requests that move the same card to the same place moves it.
        assert set(at_once(*[moving(client, 1 + number % 2) for client in range(6)])) == {200}
        automation_api.world.core.work.run_due()
        for card in pair:
            ask(automation_api, "PATCH", automation_api.of(card), {"checklist": []})
    assert [automation_api.results(rule).count("success") for rule in rules] == [rounds, rounds]
