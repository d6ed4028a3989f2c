"""Rules in projects' files: exported, imported, and turned off where they name what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.automations.workshop import Workshop

Json = dict[str, Any]


def export(workshop: Workshop) -> Json:
    return workshop.world.ask(workshop.owner, "GET", f"{workshop.path}/export")


def import_file(
    workshop: Workshop, file: Json, who: Any = None, path: str | None = None
) -> tuple[Json, list[Json]]:
    """Return the answer to an import, and the rules that it has made."""
    who = who or workshop.owner
    path = f"{path or workshop.flat}/projects"
    answer = workshop.world.ask(who, "POST", f"{path}/import", file)
    return answer, workshop.world.ask(who, "GET", f"{path}/{answer['id']}/automations")


def told(answer: Json, kind: str) -> list[tuple[str, str]]:
    return [(entry["path"], entry["reason"]) for entry in answer["notCarried"] if entry["kind"] == kind]


def when(field: str, op: str, value: Any = True) -> Json:
    return {"all": [{"field": field, "op": op, "value": value}]}


def test_rules_are_imported_with_the_ids_of_the_new_project(workshop: Workshop):
    label = workshop.label("bug")
    field = {"name": "Size", "type": "select", "options": ["S", "L"]}
    size = workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/custom-fields", field)
    card = workshop.card("Rollout")
    done = workshop.columns[2]["id"]
    workshop.rule("task_moved", "add_label", when("toColumnId", "eq", done), label=label["id"])
    workshop.rule("task_moved", "add_comment", cardId=card["key"], content="Moved.")
    workshop.rule(
        "task_created", "update_card", when("assigneeId", "eq", "ann"), customFields={size["id"]: "L"}
    )
    off = workshop.rule("task_created", "create_card", title="x", projectId=workshop.project["id"])
    workshop.turn(off, enabled=False)
    answer, rules = import_file(workshop, export(workshop))
    new = f"{workshop.flat}/projects/{answer['id']}"

    def id_of(kind: str, name: str, key: str = "name") -> str:
        found = workshop.world.ask(workshop.owner, "GET", f"{new}/{kind}")
        return next(thing["id"] for thing in found if thing[key] == name)

    assert [(rule["action"]["type"], rule["enabled"], rule["ownerId"]) for rule in rules] == [
        ("add_label", True, workshop.owner.id),
        ("add_comment", True, workshop.owner.id),
        ("update_card", True, workshop.owner.id),
        ("create_card", False, workshop.owner.id),
    ]
    label_rule, comment_rule, field_rule, card_rule = rules
    assert label_rule["conditions"] == when("toColumnId", "eq", id_of("columns", "Done"))
    assert label_rule["action"]["params"] == {"label": id_of("labels", "bug")}
    assert comment_rule["action"]["params"]["cardId"] == id_of("cards", "Rollout", "title")
    assert field_rule["conditions"] == when("assigneeId", "eq", workshop.owner.id)
    assert field_rule["action"]["params"] == {"customFields": {id_of("custom-fields", "Size"): "L"}}
    assert card_rule["action"]["params"] == {"title": "x"}
    assert told(answer, "automation") == told(answer, "creator") == []


def test_imported_rule_acts(workshop: Workshop):
    workshop.rule("task_moved", "set_priority", when("toColumn", "eq", "Done"), priority="high")
    workshop.card()
    answer, _ = import_file(workshop, export(workshop))
    path = f"{workshop.flat}/projects/{answer['id']}/cards/{answer['cardIds'][0]}"
    moved = workshop.world.ask(workshop.owner, "PATCH", path, {"columnId": answer["columnIds"][2]})
    assert moved["priority"] == "high"


def test_rules_act_for_whoever_imports_them(workshop: Workshop):
    bob = workshop.world.person("bob")
    workshop.join(bob)
    workshop.rule("task_moved", "archive_card")
    file = export(workshop)
    assert file["automations"][0]["owner"] == {"name": "ann", "email": "ann@example.com"}
    answer, (rule,) = import_file(workshop, file, bob)
    assert rule["ownerId"] == bob.id
    reason = "the rules act on behalf of whoever imports them"
    assert told(answer, "creator") == [("automations[].owner", reason)]


def test_rule_that_names_what_is_not_there_is_imported_turned_off(workshop: Workshop):
    """In a workspace that bob has for himself, there is no ann, and m-001 is another mission, or none."""
    bob = workshop.world.person("bob")
    workshop.world.ask(workshop.owner, "POST", f"{workshop.flat}/pilotage/missions", {"objective": "Sell"})
    other = Workshop(workshop.world, workshop.owner, workshop.workspace)
    workshop.rule("task_moved", "assign_card", assigneeId="ann")
    workshop.rule("task_moved", "update_mission", missionId="m-001", status="done")
    workshop.rule("task_moved", "add_comment", cardId=other.card()["id"], content="x")
    workshop.rule("task_moved", "archive_card", when("assigneeId", "eq", workshop.owner.id))
    workshop.rule("task_moved", "archive_card")
    answer, rules = import_file(workshop, export(workshop), bob, workshop.world.home(bob).path)
    assert [rule["enabled"] for rule in rules] == [False, False, False, False, True]
    reasons = dict(told(answer, "automation"))
    assert list(reasons) == [f"automations[{place}]" for place in range(4)]
    assert reasons["automations[0]"].startswith(
        "it is turned off: automations[0].action.params.assigneeId must"
    )
    assert "workspace that the file comes from" in reasons["automations[1]"]
    assert "automations[2].action.params.cardId must" in reasons["automations[2]"]
    assert "automations[3].conditions.all[0].value must" in reasons["automations[3]"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"trigger": "task_moved", "action": {"type": "delete_all"}},
            "automations[0].action.type must be one of",
        ),
        (
            {"trigger": "task_moved", "action": {"type": "set_status", "params": {"status": "x"}}},
            "automations[0].action.params.status must be one of",
        ),
        (
            {"trigger": "task_moved", "action": {"type": "archive_card"}, "conditions": {"none": []}},
            'automations[0].conditions must be {"all"',
        ),
        (
            {
                "trigger": "task_moved",
                "action": {"type": "archive_card"},
                "conditions": {"all": [{"field": 3}]},
            },
            "automations[0].conditions.all[0] must be",
        ),
        (
            {"trigger": "task_lost", "action": {"type": "archive_card"}},
            "automations[0].trigger must be one of",
        ),
    ],
)
def test_malformed_rule_is_refused_with_the_whole_file(workshop: Workshop, rule, message):
    file = {"project": {"name": "x"}, "automations": [rule]}
    answer = workshop.world.call(workshop.owner, "POST", f"{workshop.flat}/projects/import", file)
    assert answer.status == 400
    assert message in answer.body.decode().replace('\\"', '"')
    assert len(workshop.world.ask(workshop.owner, "GET", f"{workshop.flat}/projects")) == 1


def test_unknown_fields_of_rules_are_ignored_and_told(workshop: Workshop):
    rule = {"trigger": "task_moved", "colour": "red", "action": {"type": "archive_card", "retries": 3}}
    answer, (made,) = import_file(workshop, {"project": {"name": "x"}, "automations": [rule]})
    assert answer["ignored"] == ["automations[].action.retries", "automations[].colour"]
    assert (made["name"], made["enabled"]) == ("archive_card on task_moved", True)


def test_token_that_may_not_make_rules_imports_none(workshop: Workshop):
    workshop.rule("task_moved", "archive_card")
    token = workshop.world.api_token(workshop.owner, ["projects:read", "projects:write"])
    answer = workshop.world.ask(token, "POST", f"{workshop.flat}/projects/import", export(workshop))
    rules = workshop.world.ask(workshop.owner, "GET", f"{workshop.flat}/projects/{answer['id']}/automations")
    assert rules == []
    assert told(answer, "automation") == [("automations[0]", "this takes an API token with all scopes")]
