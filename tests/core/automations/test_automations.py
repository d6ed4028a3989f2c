"""Automation rules: creation, changes, ownership, and turning on and off."""

import pytest

from stellary.contract.automations import RULES_MAX, ActionToRun, CreateAutomation
from stellary.contract.refs import ProjectRef
from stellary.core.automations import automations
from tests.support.boards import ask, error
from tests.support.each_case import for_each


def refusal(board, **body):
    body = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "done"}}} | body
    return error(board, "POST", f"{board.path}/automations", body)[1]


def test_a_rule_is_made_and_read(board):
    rule = board.rule(
        "task_moved", "set_status", {"all": [{"field": "title", "op": "is_set"}]}, status="done"
    )
    assert board.rule_now(rule) == rule
    assert rule == rule | {"name": "set_status on task_moved", "enabled": True, "ownerId": board.owner.id}
    assert rule["action"] == {"type": "set_status", "params": {"status": "done"}}
    assert rule["conditions"] == {"all": [{"field": "title", "op": "is_set"}]}


def test_rules_are_listed_in_the_order_in_which_they_act(board):
    rules = [board.rule("task_moved", "archive_card") for _ in range(3)]
    assert ask(board, "GET", f"{board.path}/automations") == rules
    assert ask(board, "GET", f"{board.path}/automations?limit=2") == rules[:2]


@for_each(
    "body, message",
    [
        ({"trigger": "task_deleted"}, "trigger must be one of task_moved, task_created, "),
        ({"action": {"type": "explode"}}, "action.type must be one of create_card, "),
        ({"action": {"type": "list_cards"}}, "action.type must be one of create_card, "),
        ({"action": {"type": "set_status"}}, "action.params.status is required"),
        ({"action": {"type": "set_status", "params": {"status": 1}}}, "action.params.status must be one of"),
        ({"action": {"type": "archive_card", "params": {"when": 1}}}, "action.params.when is not a field"),
        ({"conditions": {"all": 5}}, "conditions.all must be a list"),
        ({"name": " "}, "name must not be blank"),
    ],
)
def test_invalid_rule_is_refused(board, body, message):
    assert refusal(board, **body).startswith(message)


@pytest.mark.slow("creates a hundred rules")
def test_a_project_has_a_hundred_rules_at_most(board):
    new_rule = CreateAutomation(trigger="task_moved", action=ActionToRun(type="archive_card"), enabled=False)
    project = board.workspace.ref.child(ProjectRef, board.project["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        for _ in range(RULES_MAX):
            automations.create_automation(uow, project, new_rule)
    assert refusal(board) == "a project has at most 100 automations"


def test_a_change_is_checked_as_a_new_rule_is(board):
    path = board.of_rule(board.rule("task_moved", "archive_card"))
    assert error(board, "PATCH", path, {"action": {"type": "x"}})[1].startswith("action.type must be")
    assert error(board, "PATCH", path, {"conditions": {"x": 1}})[1].startswith("conditions must be")
    assert error(board, "PATCH", path, {"name": None})[1] == "name must not be null"


@pytest.fixture
def bob(board):
    """Return another admin of the workspace."""
    return board.member("bob", role="admin")


@pytest.mark.parametrize(
    ("body", "becomes_owner"),
    [
        ({"trigger": "task_created"}, True),
        ({"conditions": {"any": [{"field": "title", "op": "is_set"}]}}, True),
        ({"action": {"type": "archive_card", "params": {"archived": False}}}, True),
        ({"name": "Tidy up"}, False),
        ({"enabled": False}, False),
        ({"enabled": True}, False),
        ({"trigger": "task_moved", "conditions": None}, False),
    ],
)
def test_editor_of_a_rule_becomes_its_owner(board, bob, body, becomes_owner):
    changed = board.world.ask(bob, "PATCH", board.of_rule(board.rule("task_moved", "archive_card")), body)
    assert changed["ownerId"] == (bob.id if becomes_owner else board.owner.id)


def test_member_who_turns_a_rule_on_becomes_its_owner(board, bob):
    rule = board.rule("task_moved", "archive_card")
    toggle = f"{board.of_rule(rule)}/toggle"
    off = board.world.ask(bob, "PATCH", toggle)
    assert (off["enabled"], off["ownerId"]) == (False, board.owner.id)
    on = board.world.ask(bob, "PATCH", toggle)
    assert (on["enabled"], on["ownerId"]) == (True, bob.id)
    board.turn(rule, enabled=False)
    on = ask(board, "PATCH", board.of_rule(rule), {"enabled": True})
    assert on["ownerId"] == board.owner.id


def test_turning_on_an_active_rule_changes_nothing(board, bob):
    rule = board.rule("task_moved", "archive_card")
    on = board.world.ask(bob, "PATCH", f"{board.of_rule(rule)}/toggle", {"enabled": True})
    assert (on["enabled"], on["ownerId"]) == (True, board.owner.id)


def test_a_deleted_rule_acts_no_more(board):
    rule = board.rule("task_created", "set_status", status="done")
    ask(board, "DELETE", board.of_rule(rule))
    assert board.read(board.card())["status"] == "open"
    assert error(board, "GET", board.of_rule(rule))[1] == "Automation not found"
    assert error(board, "GET", f"{board.of_rule(rule)}/traces")[1] == "Automation not found"
