"""Many at once: of those who review or apply the same action, one does, and what it does is done once.

``python3 dev.py races`` runs two hundred rounds of each.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.world import at_once

CLIENTS = 16
pytestmark = pytest.mark.race


@pytest.fixture
def crowd(pilotage_api):
    """Sixteen who may do all."""
    return [pilotage_api.member(f"p{number}", "owner") for number in range(CLIENTS)]


def answers(pilotage_api, crowd, action, *asked):
    """What those are answered who ask at once, each for one of several steps in turn."""
    path = f"{pilotage_api.flat}/pilotage/actions/{action['id']}"

    def asking(number):
        tail, body = asked[number % len(asked)]
        return pilotage_api.world.status(crowd[number], "POST", f"{path}/{tail}", body)

    return at_once(*[lambda number=number: asking(number) for number in range(CLIENTS)])


def test_one_of_many_approves(pilotage_api, crowd, rounds):
    for _ in range(rounds):
        action = pilotage_api.proposed("create_todo", label="Next")
        found = answers(pilotage_api, crowd, action, ("review", {"approved": True}))
        assert Counter(found) == {200: 1, 409: CLIENTS - 1}
        assert pilotage_api.action(action)["reviewedById"] == crowd[found.index(200)].id


def test_one_of_many_applies_and_it_is_done_once(pilotage_api, crowd, rounds):
    for number in range(1, rounds + 1):
        action = pilotage_api.approved("create_todo", label=f"Todo {number}")
        found = answers(pilotage_api, crowd, action, ("apply", None))
        assert Counter(found) == {200: 1, 409: CLIENTS - 1}
        assert pilotage_api.action(action)["appliedById"] == crowd[found.index(200)].id
        assert [each["label"] for each in pilotage_api.ask("GET", "todos")][number - 1 :] == [
            f"Todo {number}"
        ]


def test_one_of_those_who_approve_and_reject_wins(pilotage_api, crowd, rounds):
    for _ in range(rounds):
        action = pilotage_api.proposed("create_todo", label="Next")
        review = [("review", {"approved": approved}) for approved in (True, False)]
        found = answers(pilotage_api, crowd, action, *review)
        assert Counter(found) == {200: 1, 409: CLIENTS - 1}
        winner = found.index(200)
        now = pilotage_api.action(action)
        assert (now["status"], now["reviewedById"]) == (
            ("approved", "rejected")[winner % 2],
            crowd[winner].id,
        )


def test_what_is_approved_and_applied_at_once_is_done_once(pilotage_api, crowd, rounds):
    card = pilotage_api.card()
    for number in range(rounds):
        action = pilotage_api.proposed("add_comment", cardId=card["id"], content="Well done.")
        found = answers(pilotage_api, crowd, action, ("review", {"approved": True}), ("apply", None))
        approved, applied = Counter(found[::2]), Counter(found[1::2])
        assert approved == {200: 1, 409: CLIENTS // 2 - 1}
        assert applied[200] <= 1
        if not applied[200]:
            pilotage_api.ask("POST", f"actions/{action['id']}/apply")
        assert pilotage_api.read(card)["commentCount"] == number + 1


def test_who_is_removed_while_approving_leaves_no_approval(pilotage_api, rounds):
    for number in range(rounds):
        bob = pilotage_api.member(f"bob{number}", "reviewer")
        action = pilotage_api.proposed("create_todo", label="Next")
        path = f"{pilotage_api.flat}/pilotage/actions/{action['id']}/review"
        found = at_once(
            lambda bob=bob, path=path: pilotage_api.world.status(bob, "POST", path, {"approved": True}),
            lambda bob=bob: pilotage_api.world.status(
                pilotage_api.owner, "DELETE", f"{pilotage_api.flat}/members/{bob.id}"
            ),
        )
        assert found in ([200, 200], [404, 200])
        assert pilotage_api.action(action)["status"] == "suggested"
