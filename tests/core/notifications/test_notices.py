"""Notices about what happens without a request: who gets them, how often, and what they may see."""

from datetime import timedelta

import pytest

from stellary.core import DeliveryResult
from tests.support.boards import ask, create_shared_board
from tests.support.core_parts import WebhookWorker


@pytest.fixture
def board(world, clock):
    return create_shared_board(world)


def take(board, person):
    """Return the unread notices of a person as types and messages, the oldest first, and mark them as read."""
    unread = board.world.ask(person, "GET", "/notifications?unreadOnly=true")
    board.world.ask(person, "PATCH", "/notifications/read-all")
    activities = [item["activity"] for item in reversed(unread)]
    return [activity["meta"].get("message", activity["type"]) for activity in activities]


def propose(board, **payload):
    body = {"actionType": "create_card", "explanation": "It is missing.", "payload": payload}
    return ask(board, "POST", f"{board.flat}/pilotage/actions/propose", body)


def add_rule(board, by, **params):
    body = {"trigger": "task_created", "action": {"type": "move_card", "params": params}}
    return board.world.ask(by, "POST", f"{board.path}/automations", body)


def test_reviewers_hear_of_a_proposed_action_as_long_as_they_see_all_projects(board):
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"pilotageRole": "reviewer"})
    payload = {"title": "Write", "columnId": board.columns[0]["id"], "projectId": board.project["id"]}
    propose(board, **payload)
    expected = [[], ["action_proposed"], []]
    assert [take(board, person) for person in (board.owner, board.bob, board.cid)] == expected
    hidden = ask(board, "POST", f"{board.flat}/projects", {"name": "Secret", "visibility": "private"})
    assert board.world.ask(board.bob, "GET", "/notifications") == []
    propose(board, **payload)
    ask(board, "PATCH", f"{board.flat}/projects/{hidden['id']}", {"visibility": "workspace"})
    types = [item["activity"]["type"] for item in board.world.ask(board.bob, "GET", "/notifications")]
    assert types == ["action_proposed"]


def test_former_member_does_not_hear_of_an_action_that_waits_again(board):
    """The reviewer leaves after the member who proposed it, so that it is reviewed once more."""
    members = [f"{board.flat}/members/{person.id}" for person in (board.cid, board.bob)]
    for path in members:
        ask(board, "PATCH", path, {"pilotageRole": "reviewer"})
    body = {"actionType": "create_todo", "explanation": "It is missing.", "payload": {"label": "x"}}
    action = board.world.ask(board.cid, "POST", f"{board.flat}/pilotage/actions/propose", body)
    path = f"{board.flat}/pilotage/actions/{action['id']}/review"
    board.world.ask(board.bob, "POST", path, {"approved": True})
    for path in members:
        ask(board, "DELETE", path)
    assert [item["activity"]["type"] for item in ask(board, "GET", "/notifications")] == ["action_proposed"]
    board.join(board.cid)
    assert take(board, board.cid) == []


def test_owner_hears_of_a_failing_rule_once_a_day(board, clock):
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "admin"})
    add_rule(board, board.bob, targetColumn="Done")
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "member"})
    ask(board, "PATCH", board.path, {"memberRole": "viewer"})
    take(board, board.bob)
    for _ in range(2):
        board.card()
    (message,) = take(board, board.bob)
    assert message.startswith("The rule has failed: ")
    clock.advance(timedelta(hours=23))
    board.card()
    assert take(board, board.bob) == []
    clock.advance(timedelta(hours=1))
    board.card()
    assert take(board, board.bob) == [message]
    assert take(board, board.owner) == take(board, board.cid) == []


def test_rule_that_is_switched_off_is_told(board):
    """A colleague switches it off; then its owner leaves, of which only the admins may hear."""
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "admin"})
    rule = add_rule(board, board.bob, targetColumn="Done")
    toggle = f"{board.path}/automations/{rule['id']}/toggle"
    ask(board, "PATCH", toggle, {"enabled": False})
    assert take(board, board.bob) == ["automation_updated"]
    for enabled in (True, False, True):
        board.world.ask(board.bob, "PATCH", toggle, {"enabled": enabled})
    ask(board, "DELETE", f"{board.flat}/members/{board.bob.id}")
    assert [message for message in take(board, board.owner) if "disabled" in message] == [
        "The rule has failed: its owner no longer has access to the workspace: the rule was disabled."
    ]
    assert take(board, board.cid) == take(board, board.bob) == []


def test_mission_that_cannot_begin_is_told_to_the_author(board):
    other = ask(board, "POST", f"{board.flat}/projects", {"name": "Other"})
    agent = ask(board, "POST", f"{board.flat}/agents", {"name": "Scribe", "projectIds": [other["id"]]})
    board.comment(board.card(), "@scribe archive it", by=board.bob)
    (notice,) = board.world.ask(board.bob, "GET", "/notifications")
    assert notice["activity"]["actorId"] == agent["id"]
    expected = ["The mission cannot begin: the agent does not work in the card's project."]
    assert take(board, board.bob) == expected


def test_abandoned_import_is_told_to_the_person_who_began_it(board, clock):
    path = f"{board.flat}/imports"
    for is_deleted in (True, False):
        new_import = board.world.ask(board.bob, "POST", path, {"project": {"name": "Secret"}})
        if is_deleted:
            board.world.ask(board.bob, "DELETE", f"{path}/{new_import['id']}")
    clock.advance(timedelta(days=1))
    board.world.core.work.run_due()
    assert take(board, board.bob) == ["Your import was not completed within a day, and was deleted."]
    assert "Secret" not in str(ask(board, "GET", f"{board.flat}/activity"))


@pytest.mark.slow("sends messages for four days")
def test_admins_hear_of_a_webhook_that_is_given_up_once(board, clock, core):
    """A receiver that recovers in between is given up a day after it has failed again."""
    worker, works = WebhookWorker(core.units, core.claims), [False]
    core.env.webhook_sender = lambda _: DeliveryResult(200 if works[0] else 500, duration_ms=5)
    ask(board, "POST", f"{board.flat}/webhooks", {"url": "https://hooks.example.com/secret", "events": []})
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "admin"})

    def pass_hours(count):
        for _ in range(count):
            board.card()
            clock.advance(timedelta(hours=1))
            worker.run_due()
            core.work.run_due()

    pass_hours(20)
    works[0] = True
    pass_hours(1)
    works[0] = False
    pass_hours(20)
    assert take(board, board.owner) == []
    pass_hours(30)
    (notice,) = ask(board, "GET", "/notifications?unreadOnly=true")
    assert notice["activity"]["meta"]["name"] == "https://hooks.example.com/…"
    assert take(board, board.owner) == [
        "The receiver of the webhook has accepted no message for a day. Messages are given up after a day."
    ]
    pass_hours(30)
    assert take(board, board.owner) == []
    assert len(board.world.ask(board.bob, "GET", "/notifications")) == 1
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "member"})
    assert board.world.ask(board.bob, "GET", "/notifications") == []
