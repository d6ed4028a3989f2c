"""Rules with several actions: all of them or none, in order, with one trace."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.core.automations.rules.occurrences import CHAIN_ACTIONS_MAX, TOO_MANY
from tests.core.automations.automation_api import AutomationApi
from tests.core.automations.test_chains import EXAMPLES, api_for, worlds
from tests.core.automations.test_project_files import export, import_file, loss_reasons
from tests.support.boards import ask, error
from tests.support.each_case import for_each

__all__ = ["worlds"]

Json = dict[str, Any]
HIGH = ("set_priority", {"priority": "high"})
DONE = ("set_status", {"status": "done"})
FAILING = ("toggle_checklist_item", {"itemId": "missing"})


def to_body(*actions: tuple[str, Json]) -> list[Json]:
    return [{"type": type, "params": params} for type, params in actions]


def test_actions_run_in_order_and_leave_one_trace(board):
    actions = ("add_checklist_item", {"title": "step"}), ("toggle_checklist_item", {"itemId": "step"})
    rule = board.rule_of("task_created", *actions)
    assert rule["action"] == rule["actions"][0]
    assert rule["name"] == "add_checklist_item on task_created"
    (step,) = board.read(board.card())["checklist"]
    assert step["done"]
    (trace,) = board.traces(rule)
    assert (trace["result"], trace["step"]) == ("success", 2)


def test_failing_action_undoes_the_others_and_not_the_change(board):
    follower = board.rule("task_status_changed", "set_priority", priority="low")
    rule = board.rule_of("task_created", HIGH, DONE, FAILING, ("add_comment", {"content": "x"}))
    card = board.read(board.card())
    assert (card["priority"], card["status"], card["commentCount"]) == (None, "open", 0)
    (trace,) = board.traces(rule)
    assert (trace["result"], trace["step"]) == ("failure", 3)
    assert trace["error"].startswith("itemId must be")
    assert board.traces(follower) == []


ONE, TRANSFER = to_body(HIGH, ("transfer_card", {"targetProjectId": "Launch"}))


@for_each(
    "body, message",
    [
        ({}, "action is required"),
        ({"action": ONE, "actions": [ONE]}, "actions cannot be combined with action"),
        ({"actions": []}, "actions must"),
        ({"actions": [ONE] * 11}, "actions must"),
        ({"actions": [TRANSFER, ONE]}, "actions[0] must be the last action, since the card leaves"),
        ({"actions": [ONE, TRANSFER]}, "actions[1].params.targetProjectId must be another project"),
        ({"actions": [ONE, {"type": "fly"}]}, "actions[1].type must be one of"),
        ({"actions": [ONE, *to_body(("set_status", {}))]}, "actions[1].params.status is required"),
        (
            {"actions": to_body(HIGH, ("move_card", {"targetColumn": "Nowhere"}))},
            "actions[1].params.targetColumn must be the id or the name of an existing item",
        ),
    ],
)
def test_malformed_actions_are_refused(board, body, message):
    path = f"{board.path}/automations"
    status, text = error(board, "POST", path, {"trigger": "task_moved", **body})
    assert status == 400
    assert message in text
    assert ask(board, "GET", path) == []


def test_update_replaces_all_actions_with_their_references(board):
    board.label("bug")
    rule = board.rule_of("task_created", HIGH, ("add_label", {"label": "bug"}))
    path = board.of_rule(rule)
    assert [reference["name"] for reference in rule["references"]] == ["bug"]
    assert ask(board, "PATCH", path, {"name": "Other"})["actions"] == rule["actions"]
    moves = to_body(DONE, ("move_card", {"targetColumn": "Done"}))
    changed = ask(board, "PATCH", path, {"actions": moves})
    assert [reference["name"] for reference in changed["references"]] == ["Done"]
    assert changed["action"] == moves[0]
    single = ask(board, "PATCH", path, {"action": ONE})
    assert (single["actions"], single["references"]) == ([ONE], [])
    status, text = error(board, "PATCH", path, {"action": ONE, "actions": moves})
    assert (status, "cannot be combined" in text) == (400, True)


def test_each_action_needs_a_column_of_its_own_name(board):
    """The first action loses all columns of its name with their scopes, the second one keeps one."""
    scopes = [ask(board, "POST", f"{board.path}/scopes", {"name": name}) for name in ("Next", "Later")]
    for scope in scopes:
        ask(board, "POST", f"{board.path}/columns", {"name": "Parked", "scopeId": scope["id"]})
    rule = board.rule_of(
        "task_created", ("move_card", {"targetColumn": "Parked"}), ("move_card", {"targetColumn": "Done"})
    )
    for scope in scopes:
        assert not board.rule_now(rule)["broken"]
        ask(board, "DELETE", f"{board.path}/scopes/{scope['id']}")
    problem = "the column 'Parked' was deleted"
    assert board.rule_now(rule)["problem"] == problem
    board.card()
    assert board.results(rule) == [f"the rule is broken: {problem}"]


def test_renamed_option_follows_in_all_actions(board):
    body = {"name": "Size", "type": "select", "options": ["S", "L"]}
    field = ask(board, "POST", f"{board.path}/custom-fields", body)
    path = f"{board.path}/custom-fields/{field['id']}"
    rule = board.rule_of("task_created", HIGH, ("update_card", {"customFields": {field["id"]: "L"}}))
    ask(board, "PATCH", path, {"options": ["S", "Large"]})
    assert board.rule_now(rule)["actions"][1]["params"] == {"customFields": {field["id"]: "Large"}}
    ask(board, "PATCH", path, {"options": ["S"]})
    assert board.rule_now(rule)["problem"] == "the option 'Large' of 'Size' was removed"


def test_actions_count_towards_the_limit_of_a_chain(board):
    """Two rules of ten actions each start each other: the limit stops them after less than a hundred actions."""
    turn = [("set_priority", {"priority": "high"})] * 9
    rules = [
        board.rule_of(
            "task_status_changed",
            *turn,
            ("set_status", {"status": there}),
            conditions={"all": [{"field": "toStatus", "op": "eq", "value": here}]},
        )
        for here, there in [("open", "done"), ("done", "open")] * 3
    ]
    board.change(board.card(), status="done")
    assert board.world.core.work.run_due() <= CHAIN_ACTIONS_MAX
    results = [result for rule in rules for result in board.results(rule) if result != "skipped"]
    assert results.count("success") == CHAIN_ACTIONS_MAX // 10
    assert TOO_MANY in results


def test_actions_are_exported_and_imported(board):
    board.label("bug")
    board.rule_of("task_created", HIGH, ("add_label", {"label": "bug"}))
    board.rule_of("task_created", DONE, ("update_mission", {"missionId": add_mission(board)}))
    file = export(board)
    assert [entry["action"] for entry in file["automations"]] == to_body(HIGH, DONE)
    answer, (rule, foreign) = import_file(board, file)
    labels = ask(board, "GET", f"{board.flat}/projects/{answer['id']}/labels")
    (label,) = [label for label in labels if label["name"] == "bug"]
    assert rule["actions"] == to_body(HIGH, ("add_label", {"label": label["id"]}))
    reason = "it is disabled: it names a mission of the workspace that the file comes from"
    assert loss_reasons(answer, "automation") == [("automations[1]", reason)]
    assert (foreign["enabled"], foreign["broken"]) == (False, True)
    for entry in file["automations"][:2]:
        entry["action"], action = {"type": "archive_card"}, entry["action"]
        status, text = error(board, "POST", f"{board.flat}/projects/import", file)
        assert (status, "action must equal the first of actions" in text) == (400, True)
        entry["action"] = action
    del file["automations"][0]["action"]
    assert import_file(board, file)[1][0]["actions"][0] == ONE
    del file["automations"][0]["actions"]
    status, text = error(board, "POST", f"{board.flat}/projects/import", file)
    assert (status, "automations[0].action is required" in text) == (400, True)


def add_mission(board):
    return ask(board, "POST", f"{board.flat}/pilotage/missions", {"objective": "Sell"})["id"]


# ------------------------------------------------------------------------------------------------- a slow definition

PRIORITIES, STATUSES = ["low", "high"], ["open", "in_progress", "done"]
steps = st.one_of(
    st.builds(lambda priority: ("set_priority", {"priority": priority}), st.sampled_from(PRIORITIES)),
    st.builds(lambda status: ("set_status", {"status": status}), st.sampled_from(STATUSES)),
    st.builds(lambda title: ("add_checklist_item", {"title": title}), st.sampled_from("ab")),
    st.builds(lambda title: ("toggle_checklist_item", {"itemId": title}), st.sampled_from("ab")),
)
drawn_rules = st.lists(
    st.tuples(st.lists(steps, min_size=3, max_size=3), st.none() | st.sampled_from(PRIORITIES)),
    min_size=10,
    max_size=10,
)


def run_slowly(card, actions):
    """Return the card after some actions and the number of the failing one; None if all succeed."""
    state = {**card, "checklist": list(card["checklist"])}
    for number, (type, params) in enumerate(actions, 1):
        titles = [title for title, _ in state["checklist"]]
        if type == "add_checklist_item":
            state["checklist"].append((params["title"], False))
        elif type == "toggle_checklist_item":
            if titles.count(params["itemId"]) != 1:
                return card, number
            index = titles.index(params["itemId"])
            state["checklist"][index] = (titles[index], not state["checklist"][index][1])
        else:
            state |= params
    return state, None


@pytest.mark.slow("runs ten random rules of three actions many times")
def test_ten_rules_of_three_actions_act_like_a_slow_definition(worlds, sqlite_url, postgres_url):
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(drawn_rules, st.sampled_from(PRIORITIES))
    def check(rules, priority):
        expected = {"priority": priority, "status": "open", "checklist": []}
        steps = []
        for actions, needed in rules:
            if needed in (None, priority):
                expected, failed = run_slowly(expected, actions)
                steps.append(failed or 3)
            else:
                steps.append(None)
        for kind, url in [("sqlite", sqlite_url), ("postgres", postgres_url)]:
            api: AutomationApi = api_for(worlds, kind, url)
            saved = [
                api.rule_of(
                    "task_created",
                    *actions,
                    conditions=needed and {"all": [{"field": "priority", "op": "eq", "value": needed}]},
                )
                for actions, needed in rules
            ]
            card = api.read(api.card(priority=priority))
            checklist = [(item["title"], item["done"]) for item in card["checklist"]]
            actual = {"priority": card["priority"], "status": card["status"], "checklist": checklist}
            assert actual == expected
            assert [api.traces(rule)[0]["step"] for rule in saved] == steps

    check()
    for world, *_ in worlds.values():
        world.core.close()


def test_rule_copies_a_card_and_transfers_the_original(board):
    archive = ask(board, "POST", f"{board.flat}/projects", {"name": "Archive"})
    columns = ask(board, "GET", f"{board.flat}/projects/{archive['id']}/columns")
    rule = board.rule_of(
        "task_status_changed",
        ("duplicate_card", {"title": "{{card.title}} again", "column": "To Do"}),
        ("transfer_card", {"targetProjectId": "archive", "targetColumn": "done"}),
    )
    assert {item["name"] for item in rule["references"]} == {"Archive", "Done", "To Do"}
    expected = {"targetProjectId": archive["id"], "targetColumn": columns[2]["id"]}
    assert rule["actions"][1]["params"] == expected
    later = board.rule("task_status_changed", "set_priority", priority="high")
    card = board.card()
    moved = ask(board, "PATCH", board.of(card), {"status": "done"})
    assert (moved["projectId"], moved["columnId"]) == (archive["id"], columns[2]["id"])
    (copy,) = ask(board, "GET", f"{board.path}/cards")
    assert (copy["title"], copy["status"]) == (f"{card['title']} again", "done")
    assert board.results(rule) == ["success"]
    (missed,) = board.results(later)
    assert missed.startswith("cardId must be the id")
    ask(board, "DELETE", f"{board.flat}/projects/{archive['id']}")
    assert board.rule_now(rule)["problem"] == "the project 'Archive' was deleted"
