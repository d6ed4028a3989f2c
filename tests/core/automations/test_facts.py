"""Every field that a condition may name is filled in when the condition is checked."""

from __future__ import annotations

from typing import Any

from stellary.core.automations.rules.conditions import FIELDS
from tests.core.automations.workshop import Workshop
from tests.support.forms import FORM, form

TO_DO, DONE = 0, 2


def make_full_card(workshop: Workshop) -> Any:
    """Return a card of the first column in which nothing is empty."""
    label = workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/labels", {"name": "urgent"})
    card = workshop.card(
        description="All of it",
        priority="high",
        startDate="2026-04-01",
        dueDate="2026-04-08",
        labelIds=[label["id"]],
        checklist=[{"title": "First", "done": True}, {"title": "Second"}],
    )
    path = workshop.of(card)
    workshop.world.ask(workshop.owner, "POST", f"{path}/comments", {"content": "Well."})
    workshop.world.ask(workshop.owner, "POST", f"{path}/attachments", form(b"Hello."), content_type=FORM)
    return workshop.change(card, assigneeId=workshop.owner.id)


def expected_facts(workshop: Workshop, before: Any, after: Any) -> dict[str, Any]:
    """Return what each field of a condition must equal after a card has moved."""
    progress = after["checklistProgress"]
    changes = {
        "fromColumnId": before["columnId"],
        "toColumnId": after["columnId"],
        "fromColumn": workshop.columns[TO_DO]["name"],
        "toColumn": workshop.columns[DONE]["name"],
        "fromStatus": before["status"],
        "toStatus": after["status"],
        "checklistTotal": progress["total"],
        "checklistDone": progress["done"],
        "checklistPercent": progress["percent"],
    }
    return {name: changes.get(name, after.get(name)) for name in FIELDS}


def test_each_field_that_a_condition_may_name_has_its_value(workshop: Workshop):
    before = make_full_card(workshop)
    after = workshop.move(before, DONE)
    facts = expected_facts(workshop, before, after)
    assignment = {"fromAssigneeId": workshop.owner.id, "toAssigneeId": None}
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
        workshop.move(after, TO_DO)
        rule = workshop.rule("task_moved", "set_priority", {"all": [condition]}, priority="high")
        workshop.move(after, DONE)
        if workshop.results(rule) != ["success"]:
            silent.append(name)
        workshop.world.ask(workshop.owner, "DELETE", workshop.of_rule(rule))
    assert silent == []
    assert set(facts) | set(assignment) == set(FIELDS)


def test_each_field_of_an_assignment_has_its_value(workshop: Workshop):
    card = workshop.card()
    condition = [
        {"field": "fromAssigneeId", "op": "eq", "value": None},
        {"field": "toAssigneeId", "op": "eq", "value": workshop.owner.id},
    ]
    rule = workshop.rule("task_assigned", "set_priority", {"all": condition}, priority="high")
    workshop.change(card, assigneeId=workshop.owner.id)
    assert workshop.results(rule) == ["success"]
    former = [{"field": "fromAssigneeId", "op": "eq", "value": workshop.owner.id}]
    other = workshop.world.person("bob")
    workshop.world.join(other, workshop.workspace)
    handed_over = workshop.rule("task_assigned", "set_priority", {"all": former}, priority="low")
    workshop.change(card, assigneeId=other.id)
    assert workshop.results(handed_over) == ["success"]
