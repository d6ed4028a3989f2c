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


def test_trial_fills_values_and_changes_nothing(board):
    board.rule("task_moved", "create_card", title="Another")
    rule = board.rule_of(
        "task_created",
        ("add_comment", {"content": "{{card.title}} by {{actor.name}}"}),
        ("move_card", {"targetColumn": "Done"}),
        ("create_card", {"title": "Next"}),
        conditions={"all": [{"field": "priority", "op": "eq", "value": "high"}]},
    )
    board.turn(rule, enabled=False)
    card = board.card("Ship")
    before = read_rows(board.world.core)
    trial = try_rule(board, rule, cardId=card["id"])
    assert read_rows(board.world.core) == before
    assert board.world.core.work.run_due() >= 0
    assert (trial["matches"], trial["error"]) == (False, None)
    assert [action["type"] for action in trial["actions"]] == ["add_comment", "move_card", "create_card"]
    assert trial["actions"][0]["params"]["content"] == "Ship by ann"
    assert board.read(card) == card


def test_trial_names_the_failing_action_and_what_is_missing(board):
    board.label("bug")
    rule = board.rule_of(
        "task_created",
        ("add_label", {"label": "bug"}),
        ("toggle_checklist_item", {"itemId": "nothing"}),
        ("archive_card", {}),
    )
    card = board.card()
    trial = try_rule(board, rule, cardId=card["id"])
    assert [action["type"] for action in trial["actions"]] == ["add_label", "toggle_checklist_item"]
    assert (trial["matches"], trial["error"].startswith("itemId must")) == (True, True)
    (label,) = [item for item in ask(board, "GET", f"{board.path}/labels") if item["name"] == "bug"]
    ask(board, "DELETE", f"{board.path}/labels/{label['id']}")
    trial = try_rule(board, rule, cardId=card["id"])
    assert (trial["actions"], trial["error"]) == ([], "the label 'bug' was deleted")
    assert board.read(card)["labelIds"] == []


def test_trial_needs_a_card_of_the_project(board):
    other = AutomationApi(board.world, board.owner, board.workspace)
    rule = board.rule("task_created", "archive_card")
    path = f"{board.of_rule(rule)}/test"
    assert error(board, "POST", path, {}) == (400, "cardId is required, since the rule runs for cards")
    for card_id in (other.card()["id"], "0" * 24):
        assert error(board, "POST", path, {"cardId": card_id})[0] == 400
    body = {
        "trigger": "schedule",
        "schedule": {"rule": "FREQ=DAILY"},
        "action": {"type": "create_card", "params": {"title": "x", "dueDate": "+1d"}},
    }
    scheduled = ask(board, "POST", f"{board.path}/automations", body)
    trial = try_rule(board, scheduled)
    assert (trial["error"], len(trial["actions"])) == (None, 1)
    assert ask(board, "GET", f"{board.path}/cards") == []
    path = f"{board.of_rule(scheduled)}/test"
    status, text = error(board, "POST", path, {"cardId": board.card()["id"]})
    assert (status, text) == (400, "cardId must be left out, since the rule runs without a card")


def test_trial_of_a_defective_action_or_without_rights_says_so(board, core):
    def fail(uow, ref, params):
        raise ZeroDivisionError

    broken = actions.Action("break", "Break.", CardParams, UPDATE_CARD, "board.write", fail)
    core.env.actions = {**core.env.actions, "break": broken}
    bob = board.member("bob", role="admin")
    rules = [
        board.rule_of("task_created", HIGH, ("break", {})),
        board.rule("task_created", "archive_card", by=bob),
    ]
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    card_id = board.card()["id"]
    trials = [try_rule(board, rule, cardId=card_id) for rule in rules]
    assert [trial["error"] for trial in trials] == ["the server has failed", OWNER_LEFT]
    assert [len(trial["actions"]) for trial in trials] == [2, 1]
