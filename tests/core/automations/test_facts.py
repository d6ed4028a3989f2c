"""Facts for conditions: each field that a condition may name has a value."""

from typing import Any

import pytest

from stellary.core.automations.rules.conditions import FIELDS
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.forms import FORM, form

TO_DO, DONE = 0, 2


def make_full_card(automation_api: AutomationApi) -> Any:
    """Return a card of the first column in which nothing is empty."""
    label = ask(automation_api, "POST", f"{automation_api.path}/labels", {"name": "urgent"})
    card = automation_api.card(
        description="All of it",
        priority="high",
        startDate="2026-04-01",
        dueDate="2026-04-08",
        labelIds=[label["id"]],
        checklist=[{"title": "First", "done": True}, {"title": "Second"}],
    )
    path = automation_api.of(card)
    ask(automation_api, "POST", f"{path}/comments", {"content": "Well."})
    ask(automation_api, "POST", f"{path}/attachments", form(b"Hello."), content_type=FORM)
    return automation_api.change(card, assigneeId=automation_api.owner.id)


def expected_facts(automation_api: AutomationApi, before: Any, after: Any) -> dict[str, Any]:
    """Return what each field of a condition must equal after a card has moved."""
    progress = after["checklistProgress"]
    changes = {
        "fromColumnId": before["columnId"],
        "toColumnId": after["columnId"],
        "fromColumn": automation_api.columns[TO_DO]["name"],
        "toColumn": automation_api.columns[DONE]["name"],
        "fromStatus": before["status"],
        "toStatus": after["status"],
        "checklistTotal": progress["total"],
        "checklistDone": progress["done"],
        "checklistPercent": progress["percent"],
    }
    return {name: changes.get(name, after.get(name)) for name in FIELDS}


@pytest.mark.slow("runs a rule for each field")
def test_each_field_that_a_condition_may_name_has_its_value(automation_api: AutomationApi):
    before = make_full_card(automation_api)
    after = automation_api.move(before, DONE)
    facts = expected_facts(automation_api, before, after)
    assignment = {"fromAssigneeId": automation_api.owner.id, "toAssigneeId": None}
    # ``test_rule_acts_on_a_change`` compares those of other events.
    other_events = {name: facts.pop(name) for name in ("changedFields", "comment")}
    del facts["fromAssigneeId"], facts["toAssigneeId"]
    assert [name for name, value in facts.items() if value in (None, "", [])] == []
    silent = []
    for name, value in facts.items():
        # Renewed on each way back to the first column.
        if name == "completedAt":
            condition = {"field": name, "op": "is_set"}
        elif isinstance(value, list):
            condition = {"field": name, "op": "contains", "value": value[0]}
        else:
            condition = {"field": name, "op": "eq", "value": value}
        automation_api.move(after, TO_DO)
        rule = automation_api.rule("task_moved", "set_priority", {"all": [condition]}, priority="high")
        automation_api.move(after, DONE)
        if automation_api.results(rule) != ["success"]:
            silent.append(name)
        ask(automation_api, "DELETE", automation_api.of_rule(rule))
    assert silent == []
    assert set(facts) | set(assignment) | set(other_events) == set(FIELDS)


def test_each_field_of_an_assignment_has_its_value(automation_api: AutomationApi):
    card = automation_api.card()
    condition = [
        {"field": "fromAssigneeId", "op": "eq", "value": None},
        {"field": "toAssigneeId", "op": "eq", "value": automation_api.owner.id},
    ]
    rule = automation_api.rule("task_assigned", "set_priority", {"all": condition}, priority="high")
    automation_api.change(card, assigneeId=automation_api.owner.id)
    assert automation_api.results(rule) == ["success"]
    former = [{"field": "fromAssigneeId", "op": "eq", "value": automation_api.owner.id}]
    other = automation_api.member("bob")
    handed_over = automation_api.rule("task_assigned", "set_priority", {"all": former}, priority="low")
    automation_api.change(card, assigneeId=other.id)
    assert automation_api.results(handed_over) == ["success"]
