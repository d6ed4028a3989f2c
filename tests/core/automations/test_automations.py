"""Rules: made, changed, turned on and off; by whom, and on whose behalf."""

from __future__ import annotations

import orjson
import pytest

from stellary.contract.automations import RULES_MAX, ActionToRun, CreateAutomation
from stellary.contract.refs import ProjectRef
from stellary.core.automations import automations


def problem(workshop, method, path, body=None, by=None):
    answer = workshop.world.call(by or workshop.owner, method, path, body)
    assert answer.status >= 400, answer
    return orjson.loads(answer.body)["message"]


def refused(workshop, **body):
    body = {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "done"}}} | body
    return problem(workshop, "POST", f"{workshop.path}/automations", body)


def test_a_rule_is_made_and_read(workshop):
    rule = workshop.rule(
        "task_moved", "set_status", {"all": [{"field": "title", "op": "is_set"}]}, status="done"
    )
    assert workshop.rule_now(rule) == rule
    assert (rule["name"], rule["enabled"], rule["ownerId"]) == (
        "set_status on task_moved",
        True,
        workshop.owner.id,
    )
    assert rule["action"] == {"type": "set_status", "params": {"status": "done"}}
    assert rule["conditions"] == {"all": [{"field": "title", "op": "is_set"}]}


def test_rules_are_listed_in_the_order_in_which_they_act(workshop):
    made = [workshop.rule("task_moved", "archive_card") for _ in range(3)]
    assert workshop.world.ask(workshop.owner, "GET", f"{workshop.path}/automations") == made
    page = workshop.world.ask(workshop.owner, "GET", f"{workshop.path}/automations?limit=2")
    assert page == made[:2]


@pytest.mark.parametrize(
    ("body", "said"),
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
def test_what_a_rule_cannot_be_is_told(workshop, body, said):
    assert refused(workshop, **body).startswith(said)


def test_a_project_has_a_hundred_rules_at_most(workshop):
    asked = CreateAutomation(trigger="task_moved", action=ActionToRun(type="archive_card"), enabled=False)
    project = workshop.workspace.ref.child(ProjectRef, workshop.project["id"])
    with workshop.world.core.begin(workshop.owner.actor) as uow:
        for _ in range(RULES_MAX):
            automations.create_automation(uow, project, asked)
    assert refused(workshop) == "a project has at most 100 automations"


def test_a_rule_is_changed(workshop):
    rule = workshop.rule("task_moved", "archive_card", {"all": [{"field": "title", "op": "is_set"}]})
    body = {
        "name": "Tidy up",
        "trigger": "task_created",
        "conditions": None,
        "action": {"type": "set_priority", "params": {"priority": "high"}},
        "enabled": False,
    }
    changed = workshop.world.ask(workshop.owner, "PATCH", workshop.of_rule(rule), body)
    assert {**body, "conditions": {}}.items() <= changed.items()
    assert workshop.rule_now(rule) == changed
    assert workshop.world.ask(workshop.owner, "PATCH", workshop.of_rule(rule), {}) == changed


def test_a_change_is_checked_as_a_new_rule_is(workshop):
    rule = workshop.rule("task_moved", "archive_card")
    path = workshop.of_rule(rule)
    assert problem(workshop, "PATCH", path, {"action": {"type": "x"}}).startswith("action.type must be")
    assert problem(workshop, "PATCH", path, {"conditions": {"x": 1}}).startswith("conditions must be")
    assert problem(workshop, "PATCH", path, {"name": None}) == "name must not be null"


@pytest.fixture
def bob(workshop):
    """Another admin of the workspace."""
    bob = workshop.world.person("bob")
    workshop.world.join(bob, workshop.workspace, role="admin")
    return bob


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
def test_who_says_what_a_rule_does_owns_it(workshop, bob, body, becomes_owner):
    rule = workshop.rule("task_moved", "archive_card")
    changed = workshop.world.ask(bob, "PATCH", workshop.of_rule(rule), body)
    assert changed["ownerId"] == (bob.id if becomes_owner else workshop.owner.id)


def test_who_turns_a_rule_on_owns_it(workshop, bob):
    rule = workshop.rule("task_moved", "archive_card")
    toggle = f"{workshop.of_rule(rule)}/toggle"
    off = workshop.world.ask(bob, "PATCH", toggle)
    assert (off["enabled"], off["ownerId"]) == (False, workshop.owner.id)
    on = workshop.world.ask(bob, "PATCH", toggle)
    assert (on["enabled"], on["ownerId"]) == (True, bob.id)
    workshop.turn(rule, enabled=False)
    on = workshop.world.ask(workshop.owner, "PATCH", workshop.of_rule(rule), {"enabled": True})
    assert on["ownerId"] == workshop.owner.id


def test_a_rule_that_is_on_stays_as_it_is_when_it_is_turned_on(workshop, bob):
    rule = workshop.rule("task_moved", "archive_card")
    on = workshop.world.ask(bob, "PATCH", f"{workshop.of_rule(rule)}/toggle", {"enabled": True})
    assert (on["enabled"], on["ownerId"]) == (True, workshop.owner.id)


def test_a_deleted_rule_acts_no_more(workshop):
    rule = workshop.rule("task_created", "set_status", status="done")
    workshop.world.ask(workshop.owner, "DELETE", workshop.of_rule(rule))
    assert workshop.read(workshop.card())["status"] == "open"
    assert problem(workshop, "GET", workshop.of_rule(rule)) == "Automation not found"
    assert problem(workshop, "GET", f"{workshop.of_rule(rule)}/traces") == "Automation not found"


def test_a_rule_is_found_in_its_own_project_alone(workshop):
    rule = workshop.rule("task_moved", "archive_card")
    other = type(workshop)(workshop.world, workshop.owner, workshop.workspace)
    assert problem(workshop, "GET", other.of_rule(rule)) == "Automation not found"
    assert (
        problem(workshop, "GET", other.of_rule(rule).replace(other.project["id"], "a" * 24))
        == "Project not found"
    )


def test_members_read_rules_and_only_who_manages_the_project_changes_them(workshop):
    rule = workshop.rule("task_moved", "archive_card")
    eve = workshop.world.person("eve")
    workshop.join(eve)
    assert workshop.world.ask(eve, "GET", workshop.of_rule(rule)) == rule
    assert problem(workshop, "PATCH", f"{workshop.of_rule(rule)}/toggle", {}, by=eve).startswith("your role")
    workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/members", {"email": eve.email})
    assert not workshop.world.ask(eve, "PATCH", f"{workshop.of_rule(rule)}/toggle")["enabled"]
