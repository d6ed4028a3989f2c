"""Responses to writes that trigger rules: the state after the rules, with its version."""

from typing import Any

import orjson
import pytest

from stellary.contract.port import RawRequest
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import ask
from tests.support.core_parts import action_calls

DOING = 1


def send(
    automation_api: AutomationApi, method: str, path: str, body: Any, **headers: str
) -> tuple[Any, str | None]:
    """Return the body of an answer, and its ETag."""
    answer = automation_api.world.call(automation_api.owner, method, path, body, **headers)
    assert answer.status in (200, 201), answer.body
    return orjson.loads(answer.body), answer.headers.get("etag")


def check_is_current(automation_api: AutomationApi, card: Any, etag: str | None = None) -> None:
    """Check that a card is as it is read now."""
    assert card == automation_api.read(card)
    assert card["priority"] == "high"
    assert etag in (None, f'"{card["version"]}"')


def test_created_card_is_answered_as_rules_leave_it(automation_api: AutomationApi):
    automation_api.rule("task_created", "set_priority", priority="high")
    automation_api.rule("task_created", "move_card", targetColumn="Done")
    path = f"{automation_api.path}/columns/{automation_api.columns[0]['id']}/cards"
    card, etag = send(automation_api, "POST", path, {"title": "Write"})
    assert card["columnId"] == automation_api.columns[2]["id"]
    check_is_current(automation_api, card, etag)


def test_version_in_an_answer_can_be_used_for_the_next_change(automation_api: AutomationApi):
    automation_api.rule("task_moved", "set_priority", priority="high")
    card = automation_api.card()
    moved, etag = send(
        automation_api, "PATCH", automation_api.of(card), {"columnId": automation_api.columns[DOING]["id"]}
    )
    check_is_current(automation_api, moved, etag)
    again, _ = send(
        automation_api, "PATCH", automation_api.of(card), {"title": "Rewrite"}, **{"if-match": etag or ""}
    )
    assert again["title"] == "Rewrite"


def test_cards_changed_in_bulk_are_answered_as_rules_leave_them(automation_api: AutomationApi):
    automation_api.rule("task_created", "set_status", status="in_progress")
    automation_api.rule("task_status_changed", "set_priority", priority="high")
    path = f"{automation_api.path}/cards/bulk"
    new_cards = [{"title": title, "columnId": automation_api.columns[0]["id"]} for title in ("one", "two")]
    created, _ = send(automation_api, "POST", path, {"cards": new_cards})
    for card in created:
        check_is_current(automation_api, card)
    automation_api.rule("task_status_changed", "add_comment", content="Changed.")
    changes = [{"id": card["id"], "status": "done"} for card in created]
    changed, _ = send(automation_api, "PATCH", path, {"cards": changes})
    assert [card["commentCount"] for card in changed] == [1, 1]
    for card in changed:
        check_is_current(automation_api, card)


def test_checklist_item_is_answered_as_rules_leave_it(automation_api: AutomationApi):
    automation_api.rule("checklist_complete", "toggle_checklist_item", itemId="Ask", done=False)
    card = automation_api.card(checklist=[{"title": "Ask"}])
    item = card["checklist"][0]
    path = f"{automation_api.flat_of(card)}/checklist/{item['_id']}"
    answer, _ = send(automation_api, "PATCH", path, {"done": True})
    assert answer == automation_api.read(card)["checklist"][0]
    assert answer["done"] is False


def test_action_is_answered_as_rules_leave_it(automation_api: AutomationApi):
    automation_api.rule("task_moved", "set_priority", priority="high")
    card = automation_api.card()
    answer = action_calls.act(
        automation_api.world.core.units,
        RawRequest("POST", "/mcp", "", {}, b""),
        "move_card",
        {"cardId": card["id"], "targetColumn": "Done"},
        automation_api.flat.removeprefix("/orgs/").replace("/workspaces/", "/"),
        automation_api.owner.actor,
    )
    check_is_current(automation_api, orjson.loads(answer.body))


def test_repeated_request_gets_the_first_response(automation_api: AutomationApi):
    automation_api.rule("task_created", "set_priority", priority="high")
    path = f"{automation_api.path}/columns/{automation_api.columns[0]['id']}/cards"
    first, second = (
        send(automation_api, "POST", path, {"title": "Write"}, **{"idempotency-key": "k1"}) for _ in range(2)
    )
    assert first == second
    check_is_current(automation_api, *first)


def test_card_that_a_rule_fails_on_is_answered_as_it_is(automation_api: AutomationApi):
    rule = automation_api.rule("task_created", "toggle_checklist_item", itemId="Nothing")
    card = automation_api.card()
    assert card == automation_api.read(card)
    assert automation_api.results(rule) != ["success"]


@pytest.mark.parametrize("trigger", [None, "task_moved", "task_created"])
def test_response_takes_no_additional_statement_without_acting_rules(
    automation_api: AutomationApi, statements, trigger
):
    """A rule for something else, or whose conditions do not hold, costs what it has cost before."""
    card = automation_api.card()
    if trigger is not None:
        never = {"all": [{"field": "title", "op": "eq", "value": "other"}]}
        automation_api.rule(trigger, "set_priority", never, priority="high")
    with statements() as statements_sent:
        ask(
            automation_api,
            "PATCH",
            automation_api.of(card),
            {"columnId": automation_api.columns[DOING]["id"]},
        )
    cards_read = [
        sql for sql in statements_sent if sql.lstrip().startswith("SELECT") and "stellary_cards.title" in sql
    ]
    # The access check alone reads the card; PostgreSQL locks nothing further, as nobody else is at it.
    assert len(cards_read) == 1
