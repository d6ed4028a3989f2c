"""Bulk requests: all cards or none, in the given order, with one result each."""

import pytest

from tests.support.card_terms import find_wrong_terms
from tests.support.core_parts import ROWS_PER_INSERT

NOWHERE = "f" * 24


def make(api, *cards):
    return api.ask("POST", "/cards/bulk", {"cards": list(cards)})


def change(api, *cards):
    return api.ask("PATCH", "/cards/bulk", {"cards": list(cards)})


def error(api, method, *cards):
    return api.error(method, "/cards/bulk", {"cards": list(cards)})


# ---------------------------------------------------------------------------------------------- making


def test_cards_are_made_in_the_order_given(api, todo_column, done_column):
    api.card(todo_column, "before")
    created = make(
        api,
        {"columnId": todo_column, "title": "a"},
        {"columnId": done_column, "title": "b"},
        {"columnId": todo_column, "title": "c", "checklist": [{"title": "x"}]},
    )
    expected = [("QL-2", 1, "open"), ("QL-3", 0, "done"), ("QL-4", 2, "open")]
    assert [(card["key"], card["order"], card["status"]) for card in created] == expected
    assert [api.read(card["id"]) for card in created] == created


def test_500_cards_are_created_in_one_request(api, todo_column):
    created = make(api, *({"columnId": todo_column, "title": str(number)} for number in range(500)))
    assert [card["order"] for card in created] == list(range(500))
    assert len(api.list_cards()) == 500


def test_created_cards_are_found_by_labels_and_text(api, todo_column):
    label = api.ask("GET", "/labels")[0]["id"]
    cards = [
        {"columnId": todo_column, "title": f"number {number}", "labelIds": [label][: number % 2]}
        for number in range(ROWS_PER_INSERT + 2)
    ]
    # From the third time on, the driver executes the statements.
    for _ in range(3):
        created = make(api, *cards)
    assert find_wrong_terms(api.world.core) == set()
    labelled = [card["id"] for card in api.ask("GET", f"/cards?labelId={label}&limit=200")]
    assert labelled[-len(cards) // 2 :] == [card["id"] for card in created if card["labelIds"]]
    results = api.world.ask(api.person, "GET", f"{api.workspace.path}/search?q=number+51")
    assert created[51]["id"] in [hit["id"] for hit in results]


@pytest.mark.parametrize("count", [0, 501])
def test_bulk_takes_1_to_500_cards(api, todo_column, count):
    cards = [{"columnId": todo_column, "title": "t"}] * count
    assert error(api, "POST", *cards) == (400, "cards must have 1 to 500 items")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"title": ""}, "cards[1].title must be 1 to 500 characters"),
        ({"columnId": NOWHERE}, "cards[1].columnId must be the id of an existing item"),
        ({"labelIds": [NOWHERE]}, "cards[1].labelIds[0] must be the id of an existing item"),
        (
            {"startDate": "2026-04-02", "dueDate": "2026-04-01"},
            "cards[1].startDate must not be after dueDate",
        ),
    ],
)
def test_invalid_card_is_named_and_none_is_created(api, todo_column, fields, message):
    good = {"columnId": todo_column, "title": "t"}
    assert error(api, "POST", good, good | fields) == (400, message)
    assert api.list_cards() == []
    assert api.card(todo_column)["number"] == 1


def test_cards_over_the_limit_of_a_column_are_not_made(api, todo_column):
    status, message = error(api, "POST", *[{"columnId": api.column("Full", wipLimit=1), "title": "t"}] * 2)
    assert (status, message) == (409, "cards[1]: the column 'Full' is full: it takes 1 cards")


# ---------------------------------------------------------------------------------------------- changing


def test_cards_are_changed_in_the_order_given(api, todo_column, done_column):
    a, b, c = api.cards(todo_column, "a b c")
    answers = change(api, {"id": a, "title": "A"}, {"id": b, "columnId": done_column}, {"id": c, "order": 0})
    expected = [("A", 1, 2), ("b", 0, 2), ("c", 0, 2)]
    assert [(card["title"], card["order"], card["version"]) for card in answers] == expected
    assert [api.read(card["id"]) for card in answers] == answers
    assert (api.titles(todo_column), api.titles(done_column)) == ("c A", "b")


def test_card_that_stays_in_its_place_keeps_its_version(api, todo_column):
    card = api.card(todo_column, "Write")
    assert change(api, {"id": card["id"], "order": 2}) == [card]
    assert api.ask("GET", f"/cards/{card['id']}") == card


def test_card_shifted_by_others_is_not_changed_itself(api, todo_column):
    a, _, c = api.cards(todo_column, "a b c")
    answers = change(api, {"id": c, "order": 0}, {"id": a, "title": "a"})
    assert [(card["order"], card["version"]) for card in answers] == [(0, 2), (1, 1)]


def test_each_change_sees_those_before_it(api, todo_column):
    a, b, c = api.cards(todo_column, "a b c")
    change(api, {"id": c, "before": a}, {"id": b, "after": c})
    assert api.titles(todo_column) == "c b a"


def test_cards_are_archived_and_restored_in_one_request(api, todo_column, done_column):
    a, b, c = api.cards(todo_column, "a b c")
    api.change(a, archived=True)
    answers = change(
        api,
        {"id": a, "archived": False, "order": 1},
        {"id": b, "archived": True},
        {"id": c, "columnId": done_column},
    )
    assert [card["order"] for card in answers] == [0, None, 0]
    assert (api.titles(todo_column), api.titles(done_column)) == ("a", "c")


def test_moving_many_to_one_place_spreads_the_others(api, todo_column):
    first = api.card(todo_column, "first")["id"]
    ids = [card["id"] for card in make(api, *({"columnId": todo_column, "title": str(n)} for n in range(80)))]
    for _ in range(3):
        change(api, *({"id": id, "after": first} for id in ids[:60]))
        assert [card["id"] for card in api.list_cards()] == [first, *reversed(ids[:60]), *ids[60:]]


def test_card_is_named_once(api, todo_column):
    card = api.card(todo_column)["id"]
    expected = (400, "cards[1].id must be named once")
    assert error(api, "PATCH", {"id": card}, {"id": card, "title": "t"}) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": NOWHERE}, "cards[1].id must be the id of an existing item"),
        (
            {"startDate": "2026-04-02", "dueDate": "2026-04-01"},
            "cards[1].startDate must not be after dueDate",
        ),
    ],
)
def test_invalid_change_is_named_and_none_is_made(api, todo_column, fields, message):
    a, b = api.cards(todo_column, "a b")
    assert error(api, "PATCH", {"id": a, "title": "new"}, {"id": b} | fields) == (400, message)
    assert api.titles(todo_column) == "a b"


def test_cards_over_the_limit_of_a_column_do_not_move(api, todo_column):
    full = api.column("Full", wipLimit=1)
    a, b = api.cards(todo_column, "a b")
    actual = error(api, "PATCH", {"id": a, "columnId": full}, {"id": b, "columnId": full})
    assert actual == (409, "cards[1]: the column 'Full' is full: it takes 1 cards")
    assert api.titles(todo_column) == "a b"


def test_room_made_by_one_change_is_available_to_the_next(api, todo_column):
    full = api.column("Full", wipLimit=1)
    inside, outside = api.card(full, "in")["id"], api.card(todo_column, "out")["id"]
    change(api, {"id": inside, "columnId": todo_column}, {"id": outside, "columnId": full})
    assert (api.titles(todo_column), api.titles(full)) == ("in", "out")


def test_card_does_not_stand_beside_one_of_another_column(api, todo_column, done_column):
    a, b = api.card(todo_column)["id"], api.card(done_column)["id"]
    assert error(api, "PATCH", {"id": a, "after": b}) == (409, "cards[0].after is not in that column")
