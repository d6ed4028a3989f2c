"""Trials of rules: they say what a rule would do for a card, and change nothing."""

from stellary.contract.actions import CardParams
from stellary.contract.cards import UPDATE_CARD
from stellary.core.automations.traces import OWNER_LEFT
from tests.core.automations.automation_api import AutomationApi
from tests.core.automations.test_several_actions import HIGH
from tests.support.boards import ask, error
from tests.support.core_parts import actions
from tests.support.tables import read_rows


def try_rule(api, rule, **body):
    return ask(api, "POST", f"{api.of_rule(rule)}/test", body)


def test_trial_fills_values_and_changes_nothing(automation_api):
    automation_api.rule("task_moved", "create_card", title="Another")
    rule = automation_api.rule_of(
        "task_created",
        ("add_comment", {"content": "{{card.title}} by {{actor.name}}"}),
        ("move_card", {"targetColumn": "Done"}),
        ("create_card", {"title": "Next"}),
        conditions={"all": [{"field": "priority", "op": "eq", "value": "high"}]},
    )
    automation_api.turn(rule, enabled=False)
    card = automation_api.card("Ship")
    before = read_rows(automation_api.world.core)
    trial = try_rule(automation_api, rule, cardId=card["id"])
    assert read_rows(automation_api.world.core) == before
    assert automation_api.world.core.work.run_due() >= 0
    assert (trial["matches"], trial["error"]) == (False, None)
    assert [action["type"] for action in trial["actions"]] == ["add_comment", "move_card", "create_card"]
    assert trial["actions"][0]["params"]["content"] == "Ship by ann"
    assert automation_api.read(card) == card


def test_trial_names_the_failing_action_and_what_is_missing(automation_api):
    automation_api.label("bug")
    rule = automation_api.rule_of(
        "task_created",
        ("add_label", {"label": "bug"}),
        ("toggle_checklist_item", {"itemId": "nothing"}),
        ("archive_card", {}),
    )
    card = automation_api.card()
    trial = try_rule(automation_api, rule, cardId=card["id"])
    assert [action["type"] for action in trial["actions"]] == ["add_label", "toggle_checklist_item"]
    assert (trial["matches"], trial["error"].startswith("itemId must")) == (True, True)
    (label,) = [
        item for item in ask(automation_api, "GET", f"{automation_api.path}/labels") if item["name"] == "bug"
    ]
    ask(automation_api, "DELETE", f"{automation_api.path}/labels/{label['id']}")
    trial = try_rule(automation_api, rule, cardId=card["id"])
    assert (trial["actions"], trial["error"]) == ([], "the label 'bug' was deleted")
    assert automation_api.read(card)["labelIds"] == []


def test_trial_needs_a_card_of_the_project(automation_api):
    other = AutomationApi(automation_api.world, automation_api.owner, automation_api.workspace)
    rule = automation_api.rule("task_created", "archive_card")
    path = f"{automation_api.of_rule(rule)}/test"
    assert error(automation_api, "POST", path, {}) == (
        400,
        "cardId is required, since the rule runs for cards",
    )
    for card_id in (other.card()["id"], "0" * 24):
        assert error(automation_api, "POST", path, {"cardId": card_id})[0] == 400
    body = {
        "trigger": "schedule",
        "schedule": {"rule": "FREQ=DAILY"},
        "action": {"type": "create_card", "params": {"title": "x", "dueDate": "+1d"}},
    }
    scheduled = ask(automation_api, "POST", f"{automation_api.path}/automations", body)
    trial = try_rule(automation_api, scheduled)
    assert (trial["error"], len(trial["actions"])) == (None, 1)
    assert ask(automation_api, "GET", f"{automation_api.path}/cards") == []
    path = f"{automation_api.of_rule(scheduled)}/test"
    status, text = error(automation_api, "POST", path, {"cardId": automation_api.card()["id"]})
    assert (status, text) == (400, "cardId must be left out, since the rule runs without a card")


def test_trial_of_a_defective_action_or_without_rights_says_so(automation_api, core):
    def fail(uow, ref, params):
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", fail)
    core.env.actions = {**core.env.actions, "break": broken}
    bob = automation_api.member("bob", role="admin")
    rules = [
        automation_api.rule_of("task_created", HIGH, ("break", {})),
        automation_api.rule("task_created", "archive_card", by=bob),
    ]
    ask(automation_api, "DELETE", f"{automation_api.flat}/members/{bob.id}")
    card_id = automation_api.card()["id"]
    trials = [try_rule(automation_api, rule, cardId=card_id) for rule in rules]
    assert [trial["error"] for trial in trials] == ["the server has failed", OWNER_LEFT]
    assert [len(trial["actions"]) for trial in trials] == [2, 1]
