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
def crowd(workshop):
    """Sixteen who manage the project."""
    people = [workshop.world.person(f"p{number}") for number in range(CLIENTS)]
    for person in people:
        workshop.world.join(person, workshop.workspace, role="admin")
    return people


def all_at_once(workshop, crowd, path, body):
    """What each of many is answered who change the same thing in the same way."""
    return at_once(*[lambda who=who: workshop.world.ask(who, "PATCH", path, body) for who in crowd])


def toggled(workshop, crowd, rule, body):
    """The rule as each of many has left it who toggle it at once."""
    return all_at_once(workshop, crowd, f"{workshop.of_rule(rule)}/toggle", body)


def test_of_many_who_turn_a_rule_on_one_does_and_owns_it(workshop, crowd, rounds):
    rule = workshop.rule("task_moved", "archive_card")
    for _ in range(rounds):
        workshop.turn(rule, enabled=False)
        found = toggled(workshop, crowd, rule, {"enabled": True})
        owner = {each["ownerId"] for each in found}
        assert {each["enabled"] for each in found} == {True}
        assert len(owner) == 1
        assert owner <= {who.id for who in crowd}
        now = workshop.rule_now(rule)
        assert (now["enabled"], {now["ownerId"]}) == (True, owner)


def test_many_who_toggle_a_rule_turn_it_one_after_the_other(workshop, crowd, rounds):
    rule = workshop.rule("task_moved", "archive_card")
    for _ in range(rounds):
        found = toggled(workshop, crowd, rule, {})
        assert Counter(each["enabled"] for each in found) == {True: CLIENTS / 2, False: CLIENTS / 2}
        assert workshop.rule_now(rule)["enabled"]


def test_a_card_that_many_move_is_acted_on_once_for_each_move(workshop, crowd, rounds):
    rule = workshop.rule("task_moved", "add_comment", content="Moved.")
    for number in range(rounds):
        card = workshop.card(str(number))
        all_at_once(workshop, crowd, workshop.of(card), {"columnId": workshop.columns[1]["id"]})
        workshop.world.core.work.run_due()
        # One has moved it; the others have found it where they wanted it.
        assert workshop.read(card)["commentCount"] == 1
    assert workshop.results(rule) == ["success"] * rounds


def test_rules_that_need_each_others_cards_never_wait_for_each_other(workshop, crowd, rounds):
    """Whoever moves one card has a rule change the other one, while somebody else does it the other way round."""
    pair = [workshop.card("left"), workshop.card("right")]
    rules = [
        workshop.rule(
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
        body = {"columnId": workshop.columns[column]["id"]}
        return lambda: workshop.world.status(who, "PATCH", workshop.of(card), body)

    for number in range(rounds):
        # Of those who move the same card to the same place one moves it.
        found = at_once(*[moving(client, 1 + number % 2) for client in range(6)])
        assert set(found) == {200}
        workshop.world.core.work.run_due()
        for card in pair:
            workshop.world.ask(workshop.owner, "PATCH", workshop.of(card), {"checklist": []})
    assert [workshop.results(rule).count("success") for rule in rules] == [rounds, rounds]
