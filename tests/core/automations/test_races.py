"""Many who turn a rule on and off at once: each turns what the one before has left, and one of them has turned it on.

``python3 dev.py races`` runs two hundred rounds of each.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.world import at_once

CLIENTS = 16
pytestmark = pytest.mark.race


@pytest.fixture
def crowd(automation_api):
    """Sixteen who manage the project."""
    people = [automation_api.world.person(f"p{number}") for number in range(CLIENTS)]
    for person in people:
        automation_api.world.join(person, automation_api.workspace, role="admin")
    return people


def all_at_once(automation_api, crowd, path, body):
    """What each of many is answered who change the same thing in the same way."""
    return at_once(*[lambda who=who: automation_api.world.ask(who, "PATCH", path, body) for who in crowd])


def toggled(automation_api, crowd, rule, body):
    """The rule as each of many has left it who toggle it at once."""
    return all_at_once(automation_api, crowd, f"{automation_api.of_rule(rule)}/toggle", body)


def test_of_many_who_turn_a_rule_on_one_does_and_owns_it(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "archive_card")
    for _ in range(rounds):
        automation_api.turn(rule, enabled=False)
        found = toggled(automation_api, crowd, rule, {"enabled": True})
        owner = {each["ownerId"] for each in found}
        assert {each["enabled"] for each in found} == {True}
        assert len(owner) == 1
        assert owner <= {who.id for who in crowd}
        now = automation_api.rule_now(rule)
        assert (now["enabled"], {now["ownerId"]}) == (True, owner)


def test_many_who_toggle_a_rule_turn_it_one_after_the_other(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "archive_card")
    for _ in range(rounds):
        found = toggled(automation_api, crowd, rule, {})
        assert Counter(each["enabled"] for each in found) == {True: CLIENTS / 2, False: CLIENTS / 2}
        assert automation_api.rule_now(rule)["enabled"]


def test_a_card_that_many_move_is_acted_on_once_for_each_move(automation_api, crowd, rounds):
    rule = automation_api.rule("task_moved", "add_comment", content="Moved.")
    for number in range(rounds):
        card = automation_api.card(str(number))
        all_at_once(
            automation_api, crowd, automation_api.of(card), {"columnId": automation_api.columns[1]["id"]}
        )
        automation_api.world.core.work.run_due()
        # One has moved it; the others have found it where they wanted it.
        assert automation_api.read(card)["commentCount"] == 1
    assert automation_api.results(rule) == ["success"] * rounds


def test_rules_that_need_each_others_cards_never_wait_for_each_other(automation_api, crowd, rounds):
    """Whoever moves one card has a rule change the other one, while somebody else does it the other way round."""
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
        # Of those who move the same card to the same place one moves it.
        found = at_once(*[moving(client, 1 + number % 2) for client in range(6)])
        assert set(found) == {200}
        automation_api.world.core.work.run_due()
        for card in pair:
            automation_api.world.ask(
                automation_api.owner, "PATCH", automation_api.of(card), {"checklist": []}
            )
    assert [automation_api.results(rule).count("success") for rule in rules] == [rounds, rounds]
