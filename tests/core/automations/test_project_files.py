"""Rules in project files: exported, imported, and turned off if they refer to unknown items."""

from typing import Any

from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.each_case import for_each

Json = dict[str, Any]


def export(board: AutomationApi) -> Json:
    return ask(board, "GET", f"{board.path}/export")


def import_file(
    board: AutomationApi, file: Json, who: Any = None, path: str | None = None
) -> tuple[Json, list[Json]]:
    """Import a file, and return the response and the created rules."""
    who = who or board.owner
    path = f"{path or board.flat}/projects"
    answer = board.world.ask(who, "POST", f"{path}/import", file)
    return answer, board.world.ask(who, "GET", f"{path}/{answer['id']}/automations")


def loss_reasons(answer: Json, kind: str) -> list[tuple[str, str]]:
    return [(entry["path"], entry["reason"]) for entry in answer["notCarried"] if entry["kind"] == kind]


def when(field: str, op: str, value: Any = True) -> Json:
    return {"all": [{"field": field, "op": op, "value": value}]}


def test_rules_are_imported_with_the_ids_of_the_new_project(board: AutomationApi):
    label = board.label("bug")
    field = {"name": "Size", "type": "select", "options": ["S", "L"]}
    size = ask(board, "POST", f"{board.path}/custom-fields", field)
    card = board.card("Rollout")
    board.rule("task_moved", "add_label", when("toColumnId", "eq", board.columns[2]["id"]), label=label["id"])
    board.rule("task_moved", "add_comment", cardId=card["key"], content="Moved.")
    board.rule("task_created", "update_card", when("assigneeId", "eq", "ann"), customFields={size["id"]: "L"})
    off = board.rule("task_created", "create_card", title="x", projectId=board.project["id"])
    board.turn(off, enabled=False)
    answer, rules = import_file(board, export(board))
    new = f"{board.flat}/projects/{answer['id']}"

    def id_of(kind: str, name: str, key: str = "name") -> str:
        return next(thing["id"] for thing in ask(board, "GET", f"{new}/{kind}") if thing[key] == name)

    assert [(rule["action"]["type"], rule["enabled"], rule["ownerId"]) for rule in rules] == [
        ("add_label", True, board.owner.id),
        ("add_comment", True, board.owner.id),
        ("update_card", True, board.owner.id),
        ("create_card", False, board.owner.id),
    ]
    label_rule, comment_rule, field_rule, card_rule = rules
    assert label_rule["conditions"] == when("toColumnId", "eq", id_of("columns", "Done"))
    assert label_rule["action"]["params"] == {"label": id_of("labels", "bug")}
    assert comment_rule["action"]["params"]["cardId"] == id_of("cards", "Rollout", "title")
    assert field_rule["conditions"] == when("assigneeId", "eq", board.owner.id)
    assert field_rule["action"]["params"] == {"customFields": {id_of("custom-fields", "Size"): "L"}}
    assert card_rule["action"]["params"] == {"title": "x"}
    assert loss_reasons(answer, "automation") == loss_reasons(answer, "creator") == []


def test_columns_of_several_scopes_are_imported_with_those_of_the_new_project(board: AutomationApi):
    ask(board, "POST", f"{board.path}/scopes", {"name": "Next"})
    board.rule("task_created", "move_card", when("toColumn", "eq", "Done"), targetColumn="Done")
    deleted_label = board.label("gone")
    board.rule("task_created", "add_label", label="gone")
    ask(board, "DELETE", f"{board.path}/labels/{deleted_label['id']}")
    answer, (rule, broken) = import_file(board, export(board))
    columns = ask(board, "GET", f"{board.flat}/projects/{answer['id']}/columns")
    ids = [column["id"] for column in columns if column["name"] == "Done"]
    assert len(ids) == 2
    assert rule["action"]["params"]["targetColumn"] == ids
    assert rule["conditions"] == when("toColumnId", "in", ids)
    assert (rule["broken"], rule["enabled"]) == (False, True)
    assert (broken["broken"], broken["enabled"]) == (True, False)


def test_imported_rule_acts(board: AutomationApi):
    board.rule("task_moved", "set_priority", when("toColumn", "eq", "Done"), priority="high")
    board.card()
    answer, _ = import_file(board, export(board))
    path = f"{board.flat}/projects/{answer['id']}/cards/{answer['cardIds'][0]}"
    assert ask(board, "PATCH", path, {"columnId": answer["columnIds"][2]})["priority"] == "high"


def test_imported_rules_act_for_the_importer(board: AutomationApi, bob):
    board.join(bob)
    board.rule("task_moved", "archive_card")
    file = export(board)
    assert file["automations"][0]["owner"] == {"name": "ann", "email": "ann@example.com"}
    answer, (rule,) = import_file(board, file, bob)
    assert rule["ownerId"] == bob.id
    reason = "imported automations act on behalf of the person who imports them"
    assert loss_reasons(answer, "creator") == [("automations[].owner", reason)]


def test_rule_with_the_card_of_an_event_in_another_project_is_imported_turned_off(board: AutomationApi):
    ask(board, "POST", f"{board.flat}/projects", {"name": "Other"})
    board.rule("task_moved", "archive_card")
    file = export(board)
    (rule,) = file["automations"]
    rule["action"]["params"] = rule["actions"][0]["params"] = {"projectId": "Other"}
    answer, (rule,) = import_file(board, file, board.owner)
    assert (rule["enabled"], rule["broken"]) == (False, True)
    reasons = dict(loss_reasons(answer, "automation"))
    assert "projectId must be the rule's project, which" in reasons["automations[0]"]


def test_rule_with_unknown_references_is_imported_turned_off(board: AutomationApi, bob):
    """Import into bob's own workspace, where ann does not exist, and m-001 is another mission or none."""
    ask(board, "POST", f"{board.flat}/pilotage/missions", {"objective": "Sell"})
    other = AutomationApi(board.world, board.owner, board.workspace)
    board.rule("task_moved", "assign_card", assigneeId="ann")
    board.rule("task_moved", "update_mission", missionId="m-001", status="done")
    board.rule("task_moved", "add_comment", cardId=other.card()["id"], content="x")
    board.rule("task_moved", "archive_card", when("assigneeId", "eq", board.owner.id))
    board.rule("task_moved", "archive_card")
    answer, rules = import_file(board, export(board), bob, board.world.home(bob).path)
    assert [rule["enabled"] for rule in rules] == [False, False, False, False, True]
    assert [rule["broken"] for rule in rules] == [True, True, True, True, False]
    reasons = dict(loss_reasons(answer, "automation"))
    assert list(reasons) == [f"automations[{place}]" for place in range(4)]
    assert reasons["automations[0]"].startswith(
        "it is disabled: automations[0].actions[0].params.assigneeId must"
    )
    assert "workspace that the file comes from" in reasons["automations[1]"]
    assert "automations[2].actions[0].params.cardId must" in reasons["automations[2]"]
    assert "automations[3].conditions.all[0].value must" in reasons["automations[3]"]


@for_each(
    "changes, message",
    [
        ({"action": {"type": "delete_all"}}, "action.type must be one of"),
        (
            {"action": {"type": "set_status", "params": {"status": "x"}}},
            "action.params.status must be one of",
        ),
        ({"conditions": {"none": []}}, 'conditions must be {"all"'),
        ({"conditions": {"all": [{"field": 3}]}}, "conditions.all[0] must be"),
        ({"trigger": "task_lost"}, "trigger must be one of"),
    ],
)
def test_malformed_rule_is_refused_with_the_whole_file(board: AutomationApi, changes, message):
    rule = {"trigger": "task_moved", "action": {"type": "archive_card"}, **changes}
    file = {"project": {"name": "x"}, "automations": [rule]}
    answer = board.world.call(board.owner, "POST", f"{board.flat}/projects/import", file)
    assert answer.status == 400
    assert f"automations[0].{message}" in answer.body.decode().replace('\\"', '"')
    assert len(ask(board, "GET", f"{board.flat}/projects")) == 1


def test_unknown_fields_of_rules_are_ignored_and_reported(board: AutomationApi):
    rule = {"trigger": "task_moved", "colour": "red", "action": {"type": "archive_card", "retries": 3}}
    answer, (rule_,) = import_file(board, {"project": {"name": "x"}, "automations": [rule]})
    assert answer["ignored"] == ["automations[].action.retries", "automations[].colour"]
    assert (rule_["name"], rule_["enabled"]) == ("archive_card on task_moved", True)


def test_token_without_the_right_to_create_rules_imports_none(board: AutomationApi):
    board.rule("task_moved", "archive_card")
    token = board.world.api_token(board.owner, ["projects:read", "projects:write"])
    answer = board.world.ask(token, "POST", f"{board.flat}/projects/import", export(board))
    assert ask(board, "GET", f"{board.flat}/projects/{answer['id']}/automations") == []
    expected = [("automations[0]", "this requires an API token with all scopes")]
    assert loss_reasons(answer, "automation") == expected
