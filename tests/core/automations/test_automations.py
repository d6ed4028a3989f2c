"""Automation rules: creation, changes, ownership, and turning on and off."""

import orjson
import pytest

from stellary.contract.automations import RULES_MAX, ActionToRun, CreateAutomation
from stellary.contract.refs import ProjectRef
from stellary.core.automations import automations
from tests.support.boards import ask


def problem(automation_api, method, path, body=None, by=None):
    answer = automation_api.world.call(by or automation_api.owner, method, path, body)
    assert answer.status >= 400, answer
    return orjson.loads(answer.body)["message"]


def refusal(automation_api, **body):
    body = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "done"}}} | body
    return problem(automation_api, "POST", f"{automation_api.path}/automations", body)


def test_a_rule_is_made_and_read(automation_api):
    rule = automation_api.rule(
        "task_moved", "set_status", {"all": [{"field": "title", "op": "is_set"}]}, status="done"
    )
    assert automation_api.rule_now(rule) == rule
    assert (rule["name"], rule["enabled"], rule["ownerId"]) == (
        "set_status on task_moved",
        True,
        automation_api.owner.id,
    )
    assert rule["action"] == {"type": "set_status", "params": {"status": "done"}}
    assert rule["conditions"] == {"all": [{"field": "title", "op": "is_set"}]}


def test_rules_are_listed_in_the_order_in_which_they_act(automation_api):
    rules = [automation_api.rule("task_moved", "archive_card") for _ in range(3)]
    assert ask(automation_api, "GET", f"{automation_api.path}/automations") == rules
    assert ask(automation_api, "GET", f"{automation_api.path}/automations?limit=2") == rules[:2]


@pytest.mark.parametrize(
    ("body", "message"),
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
def test_invalid_rule_is_refused(automation_api, body, message):
    assert refusal(automation_api, **body).startswith(message)


@pytest.mark.slow("creates a hundred rules")
def test_a_project_has_a_hundred_rules_at_most(automation_api):
    new_rule = CreateAutomation(trigger="task_moved", action=ActionToRun(type="archive_card"), enabled=False)
    project = automation_api.workspace.ref.child(ProjectRef, automation_api.project["id"])
    with automation_api.world.core.begin(automation_api.owner.actor) as uow:
        for _ in range(RULES_MAX):
            automations.create_automation(uow, project, new_rule)
    assert refusal(automation_api) == "a project has at most 100 automations"


def test_a_rule_is_changed(automation_api):
    rule = automation_api.rule("task_moved", "archive_card", {"all": [{"field": "title", "op": "is_set"}]})
    body = {
        "name": "Tidy up",
        "trigger": "task_created",
        "conditions": None,
        "action": {"type": "set_priority", "params": {"priority": "high"}},
        "enabled": False,
    }
    changed = ask(automation_api, "PATCH", automation_api.of_rule(rule), body)
    assert {**body, "conditions": {}}.items() <= changed.items()
    assert automation_api.rule_now(rule) == changed
    assert ask(automation_api, "PATCH", automation_api.of_rule(rule), {}) == changed


def test_a_change_is_checked_as_a_new_rule_is(automation_api):
    path = automation_api.of_rule(automation_api.rule("task_moved", "archive_card"))
    assert problem(automation_api, "PATCH", path, {"action": {"type": "x"}}).startswith("action.type must be")
    assert problem(automation_api, "PATCH", path, {"conditions": {"x": 1}}).startswith("conditions must be")
    assert problem(automation_api, "PATCH", path, {"name": None}) == "name must not be null"


@pytest.fixture
def bob(automation_api):
    """Return another admin of the workspace."""
    return automation_api.member("bob", role="admin")


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
def test_editor_of_a_rule_becomes_its_owner(automation_api, bob, body, becomes_owner):
    rule = automation_api.rule("task_moved", "archive_card")
    changed = automation_api.world.ask(bob, "PATCH", automation_api.of_rule(rule), body)
    assert changed["ownerId"] == (bob.id if becomes_owner else automation_api.owner.id)


def test_member_who_turns_a_rule_on_becomes_its_owner(automation_api, bob):
    rule = automation_api.rule("task_moved", "archive_card")
    toggle = f"{automation_api.of_rule(rule)}/toggle"
    off = automation_api.world.ask(bob, "PATCH", toggle)
    assert (off["enabled"], off["ownerId"]) == (False, automation_api.owner.id)
    on = automation_api.world.ask(bob, "PATCH", toggle)
    assert (on["enabled"], on["ownerId"]) == (True, bob.id)
    automation_api.turn(rule, enabled=False)
    on = ask(automation_api, "PATCH", automation_api.of_rule(rule), {"enabled": True})
    assert on["ownerId"] == automation_api.owner.id


def test_turning_on_an_active_rule_changes_nothing(automation_api, bob):
    rule = automation_api.rule("task_moved", "archive_card")
    on = automation_api.world.ask(bob, "PATCH", f"{automation_api.of_rule(rule)}/toggle", {"enabled": True})
    assert (on["enabled"], on["ownerId"]) == (True, automation_api.owner.id)


def test_a_deleted_rule_acts_no_more(automation_api):
    rule = automation_api.rule("task_created", "set_status", status="done")
    ask(automation_api, "DELETE", automation_api.of_rule(rule))
    assert automation_api.read(automation_api.card())["status"] == "open"
    assert problem(automation_api, "GET", automation_api.of_rule(rule)) == "Automation not found"
    assert problem(automation_api, "GET", f"{automation_api.of_rule(rule)}/traces") == "Automation not found"
