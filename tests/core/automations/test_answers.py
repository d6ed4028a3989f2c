"""Responses to writes that trigger rules: the state after the rules, with its version."""

from typing import Any

import orjson
import pytest

from stellary.contract.port import RawRequest
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.core_parts import action_calls

DOING = 1


def send(board: AutomationApi, method: str, path: str, body: Any, **headers: str) -> tuple[Any, str | None]:
    """Return the body of an answer, and its ETag."""
    answer = board.world.call(board.owner, method, path, body, **headers)
    assert answer.status in (200, 201), answer.body
    return orjson.loads(answer.body), answer.headers.get("etag")


def check_is_current(board: AutomationApi, card: Any, etag: str | None = None) -> None:
    """Check that a card is as it is read now."""
    assert card == board.read(card)
    assert card["priority"] == "high"
    assert etag in (None, f'"{card["version"]}"')


def test_created_card_is_answered_as_rules_leave_it(board: AutomationApi):
    board.rule("task_created", "set_priority", priority="high")
    board.rule("task_created", "move_card", targetColumn="Done")
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    card, etag = send(board, "POST", path, {"title": "Write"})
    assert card["columnId"] == board.columns[2]["id"]
    check_is_current(board, card, etag)


def test_version_in_an_answer_can_be_used_for_the_next_change(board: AutomationApi):
    board.rule("task_moved", "set_priority", priority="high")
    card = board.card()
    moved, etag = send(board, "PATCH", board.of(card), {"columnId": board.columns[DOING]["id"]})
    check_is_current(board, moved, etag)
    again, _ = send(board, "PATCH", board.of(card), {"title": "Rewrite"}, **{"if-match": etag or ""})
    assert again["title"] == "Rewrite"


def test_cards_changed_in_bulk_are_answered_as_rules_leave_them(board: AutomationApi):
    board.rule("task_created", "set_status", status="in_progress")
    board.rule("task_status_changed", "set_priority", priority="high")
    path = f"{board.path}/cards/bulk"
    new_cards = [{"title": title, "columnId": board.columns[0]["id"]} for title in ("one", "two")]
    created, _ = send(board, "POST", path, {"cards": new_cards})
    for card in created:
        check_is_current(board, card)
    board.rule("task_status_changed", "add_comment", content="Changed.")
    changes = [{"id": card["id"], "status": "done"} for card in created]
    changed, _ = send(board, "PATCH", path, {"cards": changes})
    assert [card["commentCount"] for card in changed] == [1, 1]
    for card in changed:
        check_is_current(board, card)


def test_checklist_item_is_answered_as_rules_leave_it(board: AutomationApi):
    board.rule("checklist_complete", "toggle_checklist_item", itemId="Ask", done=False)
    card = board.card(checklist=[{"title": "Ask"}])
    item = card["checklist"][0]
    answer, _ = send(board, "PATCH", f"{board.flat_of(card)}/checklist/{item['_id']}", {"done": True})
    assert answer == board.read(card)["checklist"][0]
    assert answer["done"] is False


def test_action_is_answered_as_rules_leave_it(board: AutomationApi):
    board.rule("task_moved", "set_priority", priority="high")
    card = board.card()
    answer = action_calls.act(
        board.world.core.units,
        RawRequest("POST", "/mcp", "", {}, b""),
        "move_card",
        {"cardId": card["id"], "targetColumn": "Done"},
        board.flat.removeprefix("/orgs/").replace("/workspaces/", "/"),
        board.owner.actor,
    )
    check_is_current(board, orjson.loads(answer.body))


def test_repeated_request_gets_the_first_response(board: AutomationApi):
    board.rule("task_created", "set_priority", priority="high")
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    first, second = (
        send(board, "POST", path, {"title": "Write"}, **{"idempotency-key": "k1"}) for _ in range(2)
    )
    assert first == second
    check_is_current(board, *first)


def test_card_that_a_rule_fails_on_is_answered_as_it_is(board: AutomationApi):
    rule = board.rule("task_created", "toggle_checklist_item", itemId="Nothing")
    card = board.card()
    assert card == board.read(card)
    assert board.results(rule) != ["success"]


@pytest.mark.parametrize("trigger", [None, "task_moved", "task_created"])
def test_response_takes_no_additional_statement_without_acting_rules(board, statements, trigger):
    """A rule for something else, or whose conditions do not hold, costs what it has cost before."""
    card = board.card()
    if trigger is not None:
        never = {"all": [{"field": "title", "op": "eq", "value": "other"}]}
        board.rule(trigger, "set_priority", never, priority="high")
    with statements() as statements_sent:
        ask(board, "PATCH", board.of(card), {"columnId": board.columns[DOING]["id"]})
    cards_read = [
        sql for sql in statements_sent if sql.lstrip().startswith("SELECT") and "stellary_cards.title" in sql
    ]
    # The access check alone reads the card; PostgreSQL locks nothing further, as nobody else is at it.
    assert len(cards_read) == 1
