"""Concurrent reviews and applications of an action: one of each wins, and the action runs once.

``python3 dev.py races`` runs two hundred rounds of each.
"""

from collections import Counter

import pytest

from tests.support.boards import status
from tests.support.world import at_once

CLIENTS = 16
pytestmark = pytest.mark.race


@pytest.fixture
def crowd(api):
    """Return sixteen users with all rights."""
    return [api.member(f"p{number}", "owner") for number in range(CLIENTS)]


def send_concurrently(api, crowd, action, *steps):
    """Send steps on behalf of many users simultaneously, and return the statuses of the responses."""
    path = f"{api.flat}/pilotage/actions/{action['id']}"

    def send(number):
        tail, body = steps[number % len(steps)]
        return api.world.status(crowd[number], "POST", f"{path}/{tail}", body)

    return at_once(*[lambda number=number: send(number) for number in range(CLIENTS)])


def test_concurrent_applications_run_an_action_once(api, crowd, rounds):
    for number in range(1, rounds + 1):
        action = api.approve("create_todo", label=f"Todo {number}")
        statuses = send_concurrently(api, crowd, action, ("apply", None))
        assert Counter(statuses) == {200: 1, 409: CLIENTS - 1}
        assert api.action(action)["appliedById"] == crowd[statuses.index(200)].id
        assert [todo["label"] for todo in api.ask("GET", "todos")][number - 1 :] == [f"Todo {number}"]


def test_concurrent_approvals_and_rejections_have_one_winner(api, crowd, rounds):
    for _ in range(rounds):
        action = api.propose("create_todo", label="Next")
        review = [("review", {"approved": approved}) for approved in (True, False)]
        statuses = send_concurrently(api, crowd, action, *review)
        assert Counter(statuses) == {200: 1, 409: CLIENTS - 1}
        winner = statuses.index(200)
        now = api.action(action)
        assert now == now | {"status": ("approved", "rejected")[winner % 2], "reviewedById": crowd[winner].id}


def test_concurrent_approval_and_application_run_an_action_once(api, crowd, rounds):
    card = api.card()
    for number in range(rounds):
        action = api.propose("add_comment", cardId=card["id"], content="Well done.")
        statuses = send_concurrently(api, crowd, action, ("review", {"approved": True}), ("apply", None))
        approved, applied = Counter(statuses[::2]), Counter(statuses[1::2])
        assert approved == {200: 1, 409: CLIENTS // 2 - 1}
        assert applied[200] <= 1
        if not applied[200]:
            api.ask("POST", f"actions/{action['id']}/apply")
        assert api.read(card)["commentCount"] == number + 1


def test_concurrently_removed_approver_leaves_no_approval(api, rounds):
    for number in range(rounds):
        bob = api.member(f"bob{number}", "reviewer")
        action = api.propose("create_todo", label="Next")
        path = f"{api.flat}/pilotage/actions/{action['id']}/review"
        statuses = at_once(
            lambda bob=bob, path=path: api.world.status(bob, "POST", path, {"approved": True}),
            lambda bob=bob: status(api, "DELETE", f"{api.flat}/members/{bob.id}"),
        )
        assert statuses in ([200, 200], [404, 200])
        assert api.action(action)["status"] == "suggested"
