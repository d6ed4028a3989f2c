"""References in rules: resolved when a rule is saved, or refused with their path."""

from typing import Any

import pytest

from stellary.core.automations.rules.conditions import FIELDS
from stellary.core.automations.rules.file_references import KINDS
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import error, status
from tests.support.each_case import for_each

NOWHERE = "0" * 24
DOING, DONE = 1, 2


def when(field: str, op: str, value: Any) -> dict[str, Any]:
    return {
        "all": [{"field": "title", "op": "is_set"}, {"any": [{"field": field, "op": op, "value": value}]}]
    }


def refusal(board: AutomationApi, conditions: Any = None, action: Any = None) -> str:
    """Return why a rule is refused, and check that none was made."""
    body = {
        "trigger": "task_moved",
        "conditions": conditions,
        "action": action or {"type": "set_priority", "params": {"priority": "high"}},
    }
    status, message = error(board, "POST", f"{board.path}/automations", body)
    assert status == 400
    assert board.world.ask(board.owner, "GET", f"{board.path}/automations") == []
    return message


def stored_value(rule: Any) -> Any:
    return rule["conditions"]["all"][1]["any"][0]["value"]


@pytest.fixture
def ids_by_name(board: AutomationApi) -> dict[str, str]:
    """Return the ids of the items that the rules of these tests name."""
    bob = board.member("bob")
    board.world.ask(bob, "PATCH", "/auth/me", {"name": "Bob Ray"})
    ask = board.world.ask
    field = {"name": "Size", "type": "select", "options": ["S", "L"]}
    return {
        "bob": bob.id,
        "bug": board.label("bug")["id"],
        "done": board.columns[DONE]["id"],
        "main": board.columns[0]["scopeId"],
        "size": ask(board.owner, "POST", f"{board.path}/custom-fields", field)["id"],
        "scope": ask(board.owner, "GET", f"{board.path}/scopes")[0]["name"],
    }


@pytest.mark.parametrize(
    ("field", "op", "value", "resolved"),
    [
        ("columnId", "eq", "Done", "done"),
        ("toColumnId", "in", ["done"], ["done"]),
        ("assigneeId", "ne", "Bob", "bob"),
        ("createdById", "eq", "bob@example.com", "bob"),
        ("labelIds", "contains", "Bug", "bug"),
        ("toColumn", "eq", "done", "done"),
    ],
)
def test_names_in_conditions_are_kept_as_ids(board: AutomationApi, ids_by_name, field, op, value, resolved):
    rule = board.rule("task_moved", "archive_card", when(field, op, value))
    expected = (
        [ids_by_name[name] for name in resolved] if isinstance(resolved, list) else ids_by_name[resolved]
    )
    assert stored_value(rule) == expected
    assert stored_value(board.rule_now(rule)) == expected


def test_names_of_statuses_and_priorities_are_normalized(board: AutomationApi):
    for field, value, stored in (("toStatus", "In progress", "in_progress"), ("priority", "High", "high")):
        assert stored_value(board.rule("task_moved", "archive_card", when(field, "eq", value))) == stored


def test_rule_with_names_in_its_conditions_acts(board: AutomationApi, ids_by_name):
    conditions = {
        "all": [
            {"field": "toColumnId", "op": "eq", "value": "Done"},
            {"field": "assigneeId", "op": "eq", "value": "Bob"},
            {"field": "labelIds", "op": "contains", "value": "bug"},
            {"field": "customFields.Size", "op": "eq", "value": "L"},
        ]
    }
    rule = board.rule("task_moved", "set_priority", conditions, priority="high")
    assert rule["conditions"]["all"][3]["field"] == f"customFields.{ids_by_name['size']}"
    card = board.card(
        assigneeId=ids_by_name["bob"], labelIds=[ids_by_name["bug"]], customFields={ids_by_name["size"]: "L"}
    )
    assert board.move(card, DONE)["priority"] == "high"
    assert board.results(rule) == ["success"]


NO_ID, NO_NAME = " must be the id of an existing item", " must be the id or the name of an existing item"


@for_each(
    "field, op, value, message",
    [
        ("columnId", "eq", "Shipped", "value" + NO_NAME),
        ("columnId", "in", ["Done", NOWHERE], "value[1]" + NO_ID),
        ("scopeId", "eq", NOWHERE, "value" + NO_ID),
        ("assigneeId", "eq", "Eve", "value" + NO_NAME),
        ("labelIds", "contains", "urgent", "value" + NO_NAME),
        ("toColumn", "eq", "Shipped", "value" + NO_NAME),
        ("status", "eq", "finished", "value must be one of open, in_progress, done"),
        ("priority", "in", ["high", "urgent"], "value[1] must be one of low, medium, high"),
        (f"customFields.{NOWHERE}", "eq", "L", "field" + NO_ID),
        ("customFields.Weight", "eq", "L", "field" + NO_NAME),
        ("customFields.Size", "eq", "XL", "value must be one of the field's options"),
    ],
)
def test_condition_on_an_unknown_item_is_refused(board, ids_by_name, field, op, value, message):
    assert refusal(board, when(field, op, value)).startswith(f"conditions.all[1].any[0].{message}")


def test_only_fields_with_ids_name_items():
    assert {name for name in FIELDS if name.endswith(("Id", "Ids"))} == KINDS.keys() & FIELDS.keys()


def test_unknown_group_is_refused_before_the_items_in_it(board: AutomationApi):
    conditions = {"and": [{"field": "customFields.Weight", "op": "eq", "value": "L"}]}
    assert refusal(board, conditions) == 'conditions must be {"all": […]} or {"any": […]}'


@for_each(
    "type, params, message",
    [
        ("move_card", {"targetColumn": "Shipped"}, "targetColumn" + NO_NAME),
        ("move_card", {"targetColumn": "Done", "before": NOWHERE}, "before must be the id of"),
        ("add_label", {"label": "urgent"}, "label" + NO_NAME),
        ("assign_card", {"assigneeId": "Eve"}, "assigneeId" + NO_NAME),
        ("notify", {"message": "x", "to": ["creator", "Eve"]}, "to[1]" + NO_NAME),
        ("archive_card", {"cardId": "LAU-99"}, "cardId" + NO_ID),
        ("create_card", {"title": "x", "projectId": "Else"}, "projectId" + NO_NAME),
        ("create_card", {"title": "x", "labelIds": [NOWHERE]}, "labelIds[0] must be the id of"),
        ("create_cards_bulk", {"cards": [{"title": "x", "column": "Z"}]}, "cards[0].column must"),
        ("update_card", {"columnId": NOWHERE}, "columnId" + NO_ID),
        ("update_card", {"customFields": {NOWHERE: 1}}, f"customFields.{NOWHERE} must be the id"),
        ("update_mission", {"missionId": "m-009", "status": "done"}, "missionId must be the id"),
        ("update_document", {"documentId": "Plan", "title": "x"}, "documentId must be the id of"),
    ],
)
def test_action_on_an_unknown_item_is_refused(board: AutomationApi, type, params, message):
    assert refusal(board, action={"type": type, "params": params}).startswith(f"action.params.{message}")


def test_card_of_the_event_is_in_the_project_of_the_rule(board: AutomationApi):
    other = board.world.ask(board.owner, "POST", f"{board.flat}/projects", {"name": "Other"})
    for name in ("Other", other["id"]):
        reason = refusal(board, action={"type": "archive_card", "params": {"projectId": name}})
        assert reason == ("action.params.projectId must be the rule's project, which has the event's card")
    rule = board.rule("task_moved", "archive_card", projectId="Launch")
    changed = {"action": {"type": "archive_card", "params": {"projectId": "Other"}}}
    assert status(board, "PATCH", board.of_rule(rule), changed) == 400
    board.move(board.card(), DONE)
    assert board.results(rule) == ["success"]


def test_changed_rule_is_checked_as_a_new_one_is(board: AutomationApi):
    rule = board.rule("task_moved", "move_card", targetColumn="Done")
    for change in (
        {"conditions": when("columnId", "eq", "Shipped")},
        {"action": {"type": "move_card", "params": {"targetColumn": "Shipped"}}},
    ):
        assert status(board, "PATCH", board.of_rule(rule), change) == 400
    assert board.rule_now(rule) == rule


def test_error_for_a_column_of_two_scopes_names_the_scopes(board: AutomationApi):
    scope = board.world.ask(board.owner, "POST", f"{board.path}/scopes", {"name": "Next"})
    message = refusal(board, when("columnId", "eq", "done"))
    assert f"could be 'Done' in 'Main' ({board.columns[2]['id']}), 'Done' in 'Next' (" in message
    path = f"{board.path}/columns"
    for name in ("DONE", "Dóne"):
        board.world.ask(board.owner, "POST", path, {"name": name, "scopeId": scope["id"]})
    action = {"type": "move_card", "params": {"targetColumn": "done"}}
    assert "'Done' in 'Next' (" in refusal(board, action=action)
    rule = board.rule("task_moved", "move_card", targetColumn="Done")
    assert len(rule["action"]["params"]["targetColumn"]) == 2


def test_things_of_another_project_are_not_there(board: AutomationApi):
    other = AutomationApi(board.world, board.owner, board.workspace)
    theirs, unknown = (refusal(board, when("columnId", "eq", id)) for id in (other.columns[0]["id"], NOWHERE))
    assert theirs == unknown


def test_rule_changes_a_card_of_another_project(board: AutomationApi):
    other = AutomationApi(board.world, board.owner, board.workspace)
    card = other.card()
    rule = board.rule("task_moved", "move_card", cardId=card["id"], targetColumn="Done")
    board.move(board.card(), DOING)
    assert board.results(rule) == ["success"]
    assert other.read(card)["columnId"] == other.columns[DONE]["id"]
