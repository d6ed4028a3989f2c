"""Facts for conditions: each field that a condition may name has a value."""

from typing import Any

import pytest

from stellary.contract.cards import Card
from stellary.contract.naming import wire_fields
from stellary.core.automations.rules.conditions import FIELDS
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.forms import FORM, form

TO_DO, DONE = 0, 2


def make_full_card(board: AutomationApi) -> Any:
    """Return a card of the first column in which nothing is empty."""
    label = ask(board, "POST", f"{board.path}/labels", {"name": "urgent"})
    card = board.card(
        description="All of it",
        priority="high",
        estimate=2.5,
        startDate="2026-04-01",
        dueDate="2026-04-08",
        labelIds=[label["id"]],
        checklist=[{"title": "First", "done": True}, {"title": "Second"}],
    )
    path = board.of(card)
    ask(board, "POST", f"{path}/comments", {"content": "Well."})
    ask(board, "POST", f"{path}/attachments", form(b"Hello."), content_type=FORM)
    return board.change(card, assigneeId=board.owner.id)


def expected_facts(board: AutomationApi, before: Any, after: Any) -> dict[str, Any]:
    """Return what each field of a condition must equal after a card has moved."""
    progress = after["checklistProgress"]
    changes = {
        "fromColumnId": before["columnId"],
        "toColumnId": after["columnId"],
        "fromColumn": board.columns[TO_DO]["name"],
        "toColumn": board.columns[DONE]["name"],
        "fromStatus": before["status"],
        "toStatus": after["status"],
        "checklistTotal": progress["total"],
        "checklistDone": progress["done"],
        "checklistPercent": progress["percent"],
    }
    return {name: changes.get(name, after.get(name)) for name in FIELDS}


@pytest.mark.slow("runs a rule for each field")
def test_each_field_that_a_condition_may_name_has_its_value(board: AutomationApi):
    before = make_full_card(board)
    after = board.move(before, DONE)
    facts = expected_facts(board, before, after)
    assignment = {"fromAssigneeId": board.owner.id, "toAssigneeId": None}
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
        board.move(after, TO_DO)
        rule = board.rule("task_moved", "set_priority", {"all": [condition]}, priority="high")
        board.move(after, DONE)
        if board.results(rule) != ["success"]:
            silent.append(name)
        ask(board, "DELETE", board.of_rule(rule))
    assert silent == []
    assert set(facts) | set(assignment) | set(other_events) == set(FIELDS)


def test_conditions_compare_each_field_of_a_card_except_those_of_its_place_and_its_parts():
    parts = {"checklist", "checklistProgress", "customFields", "recurrence"}
    without_fact = {*parts, *("id", "projectId", "order", "version", "updatedAt")}
    assert wire_fields(Card).keys() - FIELDS.keys() == without_fact


def test_each_field_of_an_assignment_has_its_value(board: AutomationApi):
    card = board.card()
    condition = [
        {"field": "fromAssigneeId", "op": "eq", "value": None},
        {"field": "toAssigneeId", "op": "eq", "value": board.owner.id},
    ]
    rule = board.rule("task_assigned", "set_priority", {"all": condition}, priority="high")
    board.change(card, assigneeId=board.owner.id)
    assert board.results(rule) == ["success"]
    former = [{"field": "fromAssigneeId", "op": "eq", "value": board.owner.id}]
    other = board.member("bob")
    handed_over = board.rule("task_assigned", "set_priority", {"all": former}, priority="low")
    board.change(card, assigneeId=other.id)
    assert board.results(handed_over) == ["success"]
