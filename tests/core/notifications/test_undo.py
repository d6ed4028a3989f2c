"""Undoing changes of cards: values from before a change come back, unless they have changed since."""

from functools import partial

import orjson
import pytest

from tests.support.boards import ask
from tests.support.world import at_once


def feed(board, query=""):
    return ask(board, "GET", f"{board.path}/activity?{query}")


def change(board, card, **fields):
    return ask(board, "PATCH", board.of(card), fields)


def undo(board, activity):
    return ask(board, "POST", f"{board.path}/activity/{activity['id']}/undo")


def error(board, activity):
    response = board.world.call(board.owner, "POST", f"{board.path}/activity/{activity['id']}/undo")
    body = orjson.loads(response.body)
    return response.status, body["code"], body["message"]


VOLATILE = ("version", "updatedAt")


def content(card):
    return {name: value for name, value in card.items() if name not in VOLATILE}


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "Read", "description": None, "priority": "high", "dueDate": None},
        {"description": "A long text.\n" * 300},
        {"status": "in_progress"},
    ],
    ids=["fields", "long text", "status"],
)
def test_undo_restores_fields(board, fields):
    card = board.card(description="Short", dueDate="2026-05-01")
    change(board, card, **fields)
    (activity,) = feed(board, "limit=1")
    assert content(undo(board, activity)) == content(card)
    undone = feed(board, "limit=1")[0]
    assert undone["type"] == "card_updated"
    assert undone["via"]["undo"] == {"id": activity["id"], "name": "card_updated"}


def test_undo_of_a_long_text_keeps_later_changes_elsewhere(board):
    lines = [f"Line {number} of a long description\n" for number in range(100)]
    card = board.card(description="".join(lines))
    change(board, card, description="".join(["First\n", *lines[1:]]))
    (activity,) = feed(board, "limit=1")
    change(board, card, description="".join(["First\n", *lines[1:-1], "Last\n"]))
    assert undo(board, activity)["description"] == "".join([*lines[:-1], "Last\n"])


def test_undo_moves_a_card_back_to_its_position_and_status(board):
    first, card, _ = (board.card(title) for title in ("First", "Second", "Third"))
    change(board, card, columnId=board.columns[1]["id"])
    (activity,) = feed(board, "type=card_moved")
    change(board, first, title="Renamed")
    assert content(undo(board, activity)) == content(card)


def test_undo_of_a_move_to_the_same_order_restores_the_position(board):
    card, _ = board.card("First"), board.card("Second")
    change(board, card, columnId=board.columns[1]["id"])
    (activity,) = feed(board, "type=card_moved")
    assert content(undo(board, activity)) == content(card)


def test_undo_brings_back_an_archived_card_at_its_position(board):
    card, _ = board.card("First"), board.card("Second")
    change(board, card, archived=True)
    (activity,) = feed(board, "type=card_archived")
    assert content(undo(board, activity)) == content(card)


def test_undo_restores_assignee_labels_and_custom_fields(board, ann):
    label, other = board.label("bug"), board.label("docs")
    field = ask(board, "POST", f"{board.path}/custom-fields", {"name": "Estimate", "type": "number"})
    card = board.card(labelIds=[label["id"]], customFields={field["id"]: 3})
    change(board, card, labelIds=[other["id"]], customFields={field["id"]: None}, assigneeId=ann.id)
    updated, assigned = sorted(
        feed(board, "limit=2"), key=lambda activity: activity["type"] == "card_assigned"
    )
    undo(board, updated)
    assert content(undo(board, assigned)) == content(card)


def test_undo_restores_checklist_items(board):
    path = f"{board.flat_of(card := board.card())}/checklist"
    first, second = (ask(board, "POST", path, {"title": title}) for title in ("One", "Two"))
    before = board.read(card)["checklist"]

    def undo_last():
        return undo(board, feed(board, "limit=1")[0])["checklist"]

    ask(board, "PATCH", f"{path}/{second['_id']}", {"done": True, "title": "Twice"})
    assert undo_last() == before
    ask(board, "PATCH", f"{path}/{second['_id']}", {"order": 0})
    assert undo_last() == before
    ask(board, "DELETE", f"{path}/{first['_id']}")
    assert [(item["title"], item["done"]) for item in undo_last()] == [("One", False), ("Two", False)]
    assert ask(board, "POST", path, {"title": "Three"})["_id"] not in [item["_id"] for item in undo_last()]


def test_undo_of_an_undo_restores_the_change(board):
    change(board, board.card("Write"), title="Read")
    undo(board, feed(board, "limit=1")[0])
    assert undo(board, feed(board, "limit=1")[0])["title"] == "Read"


def test_undo_of_a_field_that_has_changed_since_is_a_conflict_with_the_current_value(board):
    card = board.card("Write")
    change(board, card, title="Read", priority="high")
    (activity,) = feed(board, "limit=1")
    changed = change(board, card, title="Other")
    status, code, message = error(board, activity)
    assert (status, code) == (409, "changed_since")
    assert message == 'the card has been changed since: title is now "Other"'
    assert board.read(card) == changed


def test_undo_of_another_field_that_has_changed_is_no_conflict(board):
    card = board.card("Write")
    change(board, card, title="Read")
    (activity,) = feed(board, "limit=1")
    change(board, card, priority="high")
    assert (undo(board, activity)["title"], board.read(card)["priority"]) == ("Write", "high")


def test_old_value_that_is_no_longer_valid_is_a_conflict(board):
    label = board.label("bug")
    card = board.card(labelIds=[label["id"]])
    change(board, card, labelIds=[])
    (activity,) = feed(board, "limit=1")
    ask(board, "DELETE", f"{board.flat}/labels/{label['id']}")
    expected = (409, "not_undoable", 'an old value is no longer valid: label "bug"')
    assert error(board, activity) == expected
    assert board.read(card)["labelIds"] == []


def test_conflict_of_an_undo_names_fields_and_values_in_words(board, ann):
    label = board.label("bug")["id"]
    body = {"name": "Estimate", "type": "number"}
    field = ask(board, "POST", f"{board.path}/custom-fields", body)["id"]
    card = board.card()
    _, doing, review, *_ = [column["id"] for column in board.columns]
    cases = [
        ({"dueDate": "2026-04-01"}, {"dueDate": "2026-05-02"}, 'due date is now "2026-05-02"'),
        ({"labelIds": []}, {"labelIds": [label]}, 'label is now "bug"'),
        ({"customFields": {field: 1}}, {"customFields": {field: 2}}, "Estimate is now 2"),
        ({"assigneeId": None}, {"assigneeId": ann.id}, 'assignee is now "ann"'),
        ({"columnId": doing}, {"columnId": review}, 'column is now "Done"'),
        ({"description": "Short"}, {"description": "x" * 300}, f'description is now "{"x" * 200}…"'),
    ]
    for first, second, sentence in cases:
        change(board, card, **second)
        change(board, card, **first)
        activity = feed(board, "limit=1")[0]
        change(board, card, **second)
        assert error(board, activity)[2].partition(", ")[0] == f"the card has been changed since: {sentence}"
    path = f"{board.flat_of(card)}/checklist"
    item = ask(board, "POST", path, {"title": "One"})
    activity = feed(board, "limit=1")[0]
    ask(board, "PATCH", f"{path}/{item['_id']}", {"title": "Two", "done": True})
    assert error(board, activity)[2].endswith('a checklist item is now "Two" (done)')


def test_other_activities_cannot_be_undone(board):
    card = board.card()
    (created,) = feed(board, "limit=1")
    assert error(board, created)[:2] == (409, "not_undoable")
    change(board, card, title="Read")
    (updated,) = feed(board, "limit=1")
    ask(board, "DELETE", board.of(card))
    assert error(board, updated)[0] == 404


@pytest.mark.race
def test_of_two_undos_at_the_same_time_one_takes_effect(board, rounds):
    card = board.card("Write")
    for _ in range(rounds):
        change(board, card, title="Read")
        (activity,) = feed(board, "limit=1")
        path = f"{board.path}/activity/{activity['id']}/undo"
        call = partial(board.world.status, board.owner, "POST", path)
        assert sorted(at_once(call, call)) == [200, 409]
        assert board.read(card)["title"] == "Write"
