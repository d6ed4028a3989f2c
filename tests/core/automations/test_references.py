"""References in rules: they follow their items, break the rule when one is deleted, and mend it when it is restored."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.automations.automation_api import AutomationApi
from tests.core.automations.test_chains import EXAMPLES, api_for, worlds
from tests.support.boards import status

__all__ = ["worlds"]

Json = dict[str, Any]
NAMES = ["Blocked", "Blocker", "Done"]


class ReferenceApi(AutomationApi):
    """A board with items that rules name, and calls that rename, delete and restore them."""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.world.ask(self.owner, method, f"{self.path}/{path}", body)

    def restore(self, item_id: str) -> None:
        trash = f"{self.flat}/trash"
        entries = self.world.ask(self.owner, "GET", trash)
        (entry,) = [entry["id"] for entry in entries if entry["itemId"] == item_id]
        self.world.ask(self.owner, "POST", f"{trash}/{entry}/restore")

    def create(self, kind: str, name: str) -> Json:
        """Create an item, and return it."""
        if kind == "cards":
            return self.card(name)
        extra = {"custom-fields": {"type": "text"}}.get(kind, {})
        return self.ask("POST", kind, {"name": name, **extra})


@pytest.fixture
def board(world):
    return ReferenceApi(world, world.person("ann"))


def when(field: str, op: str, value: Any) -> Json:
    return {"all": [{"field": field, "op": op, "value": value}]}


CASES = [
    ("columns", "column", "Blocked", "move_card", {"targetColumn": "Blocked"}, None),
    ("columns", "column", "Blocked", "archive_card", {}, when("toColumn", "ne", "Blocked")),
    ("labels", "label", "bug", "add_label", {"label": "Bug"}, None),
    ("scopes", "scope", "Next", "archive_card", {}, when("scopeId", "ne", "next")),
    ("cards", "card", "Epic", "add_relation", {"targetCardId": "epic", "type": "blocks"}, None),
    ("custom-fields", "custom_field", "Size", "update_card", {"customFields": {"ID": "S"}}, None),
    ("custom-fields", "custom_field", "Size", "archive_card", {}, when("customFields.Size", "is_set", False)),
]


@pytest.mark.parametrize(("kind", "word", "name", "action", "params", "conditions"), CASES)
def test_rule_follows_its_item_and_is_broken_without_it(board, kind, word, name, action, params, conditions):
    item = board.create(kind, name)
    params = orjson.loads(orjson.dumps(params).replace(b"ID", item["id"].encode()))
    rule = board.rule("task_moved", action, conditions, **params)
    reference = {"kind": word, "id": item["id"], "name": name, "missing": False}
    assert (rule["references"], rule["broken"], rule["problem"]) == ([reference], False, None)
    field = "title" if kind == "cards" else "name"
    board.ask("PATCH", f"{kind}/{item['id']}", {field: "Renamed"})
    renamed = board.rule_now(rule)
    assert renamed["references"] == [{**reference, "name": "Renamed"}]
    # An item that gets the name does not take the place of the other one.
    board.create(kind, name)
    board.move(board.card(), 1)
    assert set(board.results(rule)) == {"success"}
    query = f"?moveCardsTo={board.columns[0]['id']}" if kind == "columns" else ""
    deletion = board.ask("DELETE", f"{kind}/{item['id']}{query}")
    assert deletion == {"ok": True, "brokenAutomations": [{"id": rule["id"], "name": rule["name"]}]}
    broken = board.rule_now(rule)
    problem = f"the {word.replace('_', ' ')} 'Renamed' was deleted"
    assert (broken["broken"], broken["problem"], broken["enabled"]) == (True, problem, True)
    assert broken["references"] == [{**reference, "name": "Renamed", "missing": True}]
    notice = board.world.ask(board.owner, "GET", "/notifications")[0]["activity"]
    assert (notice["type"], notice["meta"]["id"]) == ("automation_updated", rule["id"])
    after = board.move(board.read(board.card()), 1)
    assert (after["archived"], after["labelIds"], after["customFields"]) == (False, [], {})
    assert after["columnId"] == board.columns[1]["id"]
    assert board.traces(rule)[0]["error"] == f"the rule is broken: {problem}"
    board.restore(item["id"])
    assert board.rule_now(rule) == renamed
    board.move(board.card(), 1)
    assert board.traces(rule)[0]["result"] == "success"


def test_rule_lists_an_item_of_conditions_and_action_once(board):
    label = board.create("labels", "v1")
    rule = board.rule("task_created", "add_label", when("labelIds", "contains", "v1"), label="v1")
    assert [item["id"] for item in rule["references"]] == [label["id"]]
    board.ask("DELETE", f"labels/{label['id']}")
    assert board.rule_now(rule)["problem"] == "the label 'v1' was deleted"


def test_rule_of_a_person_who_left_is_broken_until_it_is_saved_again(board):
    bob = board.member("bob")
    rule = board.rule("task_moved", "assign_card", assigneeId="bob")
    board.world.ask(board.owner, "DELETE", f"{board.flat}/members/{bob.id}")
    assert board.rule_now(rule)["problem"] == "bob is no longer in the workspace"
    action = {"type": "assign_card", "params": {"assigneeId": None}}
    board.ask("PATCH", f"automations/{rule['id']}", {"conditions": {}})
    assert board.rule_now(rule)["broken"] is True
    assert board.ask("PATCH", f"automations/{rule['id']}", {"action": action})["broken"] is False


def test_rule_follows_a_renamed_option_and_is_broken_without_it(board):
    size = board.ask("POST", "custom-fields", {"name": "Size", "type": "select", "options": ["S", "L"]})["id"]
    condition = when(f"customFields.{size}", "in", ["S", "L"])
    rule = board.rule("task_created", "update_card", condition, customFields={size: "L"})
    path = f"custom-fields/{size}"
    board.ask("PATCH", path, {"options": ["S", "Large"]})
    renamed = board.rule_now(rule)
    assert renamed["conditions"] == when(f"customFields.{size}", "in", ["S", "Large"])
    assert (renamed["action"]["params"], renamed["broken"]) == ({"customFields": {size: "Large"}}, False)
    assert board.read(board.card(customFields={size: "S"}))["customFields"] == {size: "Large"}
    board.ask("PATCH", path, {"options": ["S"]})
    assert board.rule_now(rule)["problem"] == "the option 'Large' of 'Size' was removed"


def test_rule_without_an_option_is_mended_by_the_part_that_named_it(board):
    body = {"name": "Size", "type": "select", "options": ["S", "L"]}
    size = board.ask("POST", "custom-fields", body)["id"]
    rule = board.rule("task_created", "archive_card", when(f"customFields.{size}", "eq", "L"))
    board.ask("PATCH", f"custom-fields/{size}", {"options": ["S"]})
    path = f"automations/{rule['id']}"
    other = {"action": {"type": "set_priority", "params": {"priority": "low"}}}
    assert board.ask("PATCH", path, other)["problem"] == "the option 'L' of 'Size' was removed"
    assert board.ask("PATCH", path, {"conditions": {}})["problem"] is None


def test_rule_that_is_saved_again_as_it_is_says_that_it_is_mended(board):
    body = {"name": "Size", "type": "select", "options": ["S", "L"]}
    size = board.ask("POST", "custom-fields", body)["id"]
    conditions = when(f"customFields.{size}", "eq", "L")
    rule = board.rule("task_created", "archive_card", conditions)
    for options in (["S"], ["S", "L"]):
        board.ask("PATCH", f"custom-fields/{size}", {"options": options})
    assert board.rule_now(rule)["broken"]
    saved = board.ask("PATCH", f"automations/{rule['id']}", {"conditions": conditions})
    assert (saved["broken"], saved) == (False, board.rule_now(rule))


def test_card_stays_in_its_scope_if_the_columns_of_several_have_the_name(board):
    scope = board.ask("POST", "scopes", {"name": "Next"})
    ids = [board.columns[2]["id"], scope["columns"][2]["id"]]
    rule = board.rule("task_created", "move_card", when("title", "ne", "x"), targetColumn="Done")
    assert rule["action"]["params"]["targetColumn"] == ids
    for wrong in ([], [5], [ids], ["x"] * 101):
        body = {"action": {"type": "move_card", "params": {"targetColumn": wrong}}}
        path = board.of_rule(rule)
        assert status(board, "PATCH", path, body) == 400
    # A rule can be sent back as it was shown.
    board.ask("PATCH", f"automations/{rule['id']}", {"action": rule["action"]})
    for start, id in zip([board.columns[0], scope["columns"][0]], ids, strict=True):
        path = f"columns/{start['id']}/cards"
        assert board.ask("POST", path, {"title": "y"})["columnId"] == id
    later = board.ask("POST", "scopes", {"name": "Later"})["columns"][0]
    path = f"columns/{later['id']}/cards"
    assert board.ask("POST", path, {"title": "y"})["columnId"] == later["id"]
    assert board.traces(rule)[0]["result"] == "failure"
    # The rule does not need the column of a scope that is deleted as a whole.
    board.ask("DELETE", f"scopes/{scope['id']}")
    without_scope = board.rule_now(rule)
    assert (without_scope["broken"], without_scope["problem"]) == (False, None)
    assert [reference["missing"] for reference in without_scope["references"]] == [False, True]
    board.ask("DELETE", f"columns/{ids[0]}?moveCardsTo={board.columns[1]['id']}")
    assert board.rule_now(rule)["broken"] is True
    # Neither column may be missing once its scope exists again.
    board.restore(ids[0])
    board.restore(scope["id"])
    assert board.rule_now(rule)["broken"] is False
    board.ask("DELETE", f"columns/{ids[1]}?moveCardsTo={scope['columns'][0]['id']}")
    assert board.rule_now(rule)["problem"] == "the column 'Done' was deleted"


def test_undo_of_a_move_of_a_rule_does_not_fire_the_rule(board):
    rule = board.rule("task_moved", "move_card", when("toColumn", "ne", "Done"), targetColumn="Done")
    other = board.rule("task_moved", "set_priority", priority="high")
    card = board.card()
    doing, done = (column["id"] for column in board.columns[1:])
    assert board.move(card, 1)["columnId"] == done
    moves = board.ask("GET", f"activity?cardId={card['id']}&type=card_moved")
    (move,) = [activity for activity in moves if activity["via"]]
    undone = board.ask("POST", f"activity/{move['id']}/undo")
    assert undone["columnId"] == board.read(card)["columnId"] == doing
    trace = board.traces(rule)[0]
    assert (trace["result"], trace["error"]) == ("skipped", "its own change was undone")
    assert board.traces(other)[0]["result"] == "success"
    (record,) = board.ask("GET", f"activity?cardId={card['id']}&type=card_moved&limit=1")
    assert record["via"]["undo"]["id"] == move["id"]
    assert record["via"]["skippedRule"] == {"id": rule["id"], "name": rule["name"]}
    # The next change fires it again.
    board.move(card, 0)
    assert board.read(card)["columnId"] == done


steps = st.lists(
    st.tuples(
        st.sampled_from(["rename", "delete", "restore", "act", "act", "undo"]),
        st.integers(0, 5),
        st.sampled_from(NAMES),
    ),
    min_size=3,
    max_size=12,
)


@pytest.mark.slow("runs random changes of each kind")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_rule_does_what_it_was_saved_with_or_is_broken(worlds, request, kind):
    url = request.getfixturevalue(f"{kind}_url")

    @settings(max_examples=EXAMPLES // 2, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.sampled_from(NAMES), steps)
    def check(target, drawn_steps):
        other = api_for(worlds, kind, url)
        api = ReferenceApi(other.world, other.owner, other.workspace)
        scope = api.ask("POST", "scopes", {"name": "Next"})
        starts = [api.columns[0]["id"], scope["columns"][0]["id"]]
        columns = [api.columns[2], scope["columns"][2]]
        columns += [
            api.ask("POST", "columns", {"name": name, "scopeId": scope_id})
            for name in ("Blocked", "Blocker")
            for scope_id in (api.columns[0]["scopeId"], scope["id"])
        ]
        scopes = {column["id"]: column["scopeId"] for column in columns}
        rule = api.rule("task_added_to_board", "move_card", targetColumn=target)
        saved = set(rule["action"]["params"]["targetColumn"])
        present, deleted = [column["id"] for column in columns], []
        for step, number, name in drawn_steps:
            if step == "rename" and present:
                api.ask("PATCH", f"columns/{present[number % len(present)]}", {"name": name})
            elif step == "delete" and present:
                deleted.append(present.pop(number % len(present)))
                api.ask("DELETE", f"columns/{deleted[-1]}?moveCardsTo={starts[0]}")
            elif step == "restore" and deleted:
                present.append(deleted.pop(number % len(deleted)))
                api.restore(present[-1])
            elif step in ("act", "undo"):
                start = starts[number % 2]
                card = api.ask("POST", f"columns/{start}/cards", {"title": "x"})
                scopes_of_starts = [api.columns[0]["scopeId"], scope["id"]]
                expected = [id for id in saved if scopes[id] == scopes_of_starts[number % 2]]
                broken = not saved.issubset(present)
                assert api.rule_now(rule)["broken"] is broken
                assert card["columnId"] == (start if broken else expected[0])
                if step == "undo" and not broken:
                    (activity,) = api.ask("GET", f"activity?cardId={card['id']}&type=card_moved")
                    undone = api.ask("POST", f"activity/{activity['id']}/undo")
                    assert (undone["columnId"], api.read(card)["columnId"]) == (start, start)

    check()
    worlds.pop(kind)[0].core.close()
