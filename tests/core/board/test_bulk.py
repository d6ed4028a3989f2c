"""Cards in bulk: all or none, in the order given, one answer each."""

from __future__ import annotations

import pytest

NOWHERE = "f" * 24


@pytest.fixture
def todo(desk):
    return desk.columns()[0]["id"]


@pytest.fixture
def done(desk):
    return desk.columns()[2]["id"]


def make(desk, *cards):
    return desk.ask("POST", "/cards/bulk", {"cards": list(cards)})


def change(desk, *cards):
    return desk.ask("PATCH", "/cards/bulk", {"cards": list(cards)})


def refused(desk, method, *cards):
    return desk.error(method, "/cards/bulk", {"cards": list(cards)})


# ---------------------------------------------------------------------------------------------- making


def test_cards_are_made_in_the_order_given(desk, todo, done):
    desk.card(todo, "before")
    made = make(
        desk,
        {"columnId": todo, "title": "a"},
        {"columnId": done, "title": "b"},
        {"columnId": todo, "title": "c", "checklist": [{"title": "x"}]},
    )
    assert [(card["key"], card["order"], card["status"]) for card in made] == [
        ("QL-2", 1, "open"),
        ("QL-3", 0, "done"),
        ("QL-4", 2, "open"),
    ]
    assert [desk.read(card["id"]) for card in made] == made


def test_500_cards_are_made_at_once(desk, todo):
    made = make(desk, *({"columnId": todo, "title": str(number)} for number in range(500)))
    assert [card["order"] for card in made] == list(range(500))
    assert len(desk.listed()) == 500


@pytest.mark.parametrize("count", [0, 501])
def test_1_to_500_cards_at_once(desk, todo, count):
    cards = [{"columnId": todo, "title": "t"}] * count
    assert refused(desk, "POST", *cards) == (400, "cards must have 1 to 500 items")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"title": ""}, "cards[1].title must be 1 to 500 characters"),
        ({"columnId": NOWHERE}, "cards[1].columnId must be the id of something that is there"),
        ({"assigneeId": NOWHERE}, "cards[1].assigneeId must be the id of something that is there"),
        ({"labelIds": [NOWHERE]}, "cards[1].labelIds[0] must be the id of something that is there"),
        (
            {"startDate": "2026-04-02", "dueDate": "2026-04-01"},
            "cards[1].startDate must not be after dueDate",
        ),
    ],
)
def test_card_that_cannot_be_made_is_named_and_none_is_made(desk, todo, fields, told):
    good = {"columnId": todo, "title": "t"}
    assert refused(desk, "POST", good, good | fields) == (400, told)
    assert desk.listed() == []
    assert desk.card(todo)["number"] == 1


def test_cards_over_the_limit_of_a_column_are_not_made(desk, todo):
    full = desk.column("Full", wipLimit=1)
    status, message = refused(desk, "POST", *[{"columnId": full, "title": "t"}] * 2)
    assert (status, message) == (409, "cards[1]: the column 'Full' is full: it takes 1 cards")


# ---------------------------------------------------------------------------------------------- changing


def test_cards_are_changed_in_the_order_given(desk, todo, done):
    a, b, c = desk.cards(todo, "a b c")
    answers = change(desk, {"id": a, "title": "A"}, {"id": b, "columnId": done}, {"id": c, "order": 0})
    assert [(card["title"], card["order"], card["version"]) for card in answers] == [
        ("A", 1, 2),
        ("b", 0, 2),
        ("c", 0, 2),
    ]
    assert [desk.read(card["id"]) for card in answers] == answers
    assert (desk.titles(todo), desk.titles(done)) == ("c A", "b")


def test_card_that_others_push_on_is_not_changed_itself(desk, todo):
    a, _, c = desk.cards(todo, "a b c")
    answers = change(desk, {"id": c, "order": 0}, {"id": a, "title": "a"})
    assert [(card["order"], card["version"]) for card in answers] == [(0, 2), (1, 1)]


def test_each_change_sees_those_before_it(desk, todo):
    a, b, c = desk.cards(todo, "a b c")
    change(desk, {"id": c, "before": a}, {"id": b, "after": c})
    assert desk.titles(todo) == "c b a"


def test_cards_come_back_and_go_at_once(desk, todo, done):
    a, b, c = desk.cards(todo, "a b c")
    desk.change(a, archived=True)
    answers = change(
        desk,
        {"id": a, "archived": False, "order": 1},
        {"id": b, "archived": True},
        {"id": c, "columnId": done},
    )
    assert [card["order"] for card in answers] == [0, None, 0]
    assert (desk.titles(todo), desk.titles(done)) == ("a", "c")


def test_moving_many_to_one_place_spreads_the_others(desk, todo):
    first = desk.card(todo, "first")["id"]
    ids = [card["id"] for card in make(desk, *({"columnId": todo, "title": str(n)} for n in range(80)))]
    for _ in range(3):
        change(desk, *({"id": id, "after": first} for id in ids[:60]))
        assert [card["id"] for card in desk.listed()] == [first, *reversed(ids[:60]), *ids[60:]]


def test_card_is_named_once(desk, todo):
    card = desk.card(todo)["id"]
    told = (400, "cards[1].id must be named once")
    assert refused(desk, "PATCH", {"id": card}, {"id": card, "title": "t"}) == told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"id": NOWHERE}, "cards[1].id must be the id of something that is there"),
        ({"columnId": NOWHERE}, "cards[1].columnId must be the id of something that is there"),
        ({"before": NOWHERE}, "cards[1].before must be the id of something that is there"),
        ({"assigneeId": NOWHERE}, "cards[1].assigneeId must be the id of something that is there"),
        ({"labelIds": [NOWHERE]}, "cards[1].labelIds[0] must be the id of something that is there"),
        (
            {"startDate": "2026-04-02", "dueDate": "2026-04-01"},
            "cards[1].startDate must not be after dueDate",
        ),
    ],
)
def test_change_that_cannot_be_is_named_and_none_is_made(desk, todo, fields, told):
    a, b = desk.cards(todo, "a b")
    assert refused(desk, "PATCH", {"id": a, "title": "new"}, {"id": b} | fields) == (400, told)
    assert desk.titles(todo) == "a b"


def test_card_of_another_project_is_unknown(desk, todo):
    card = desk.card(todo)["id"]
    assert refused(desk.another(), "PATCH", {"id": card})[0] == 400


def test_cards_over_the_limit_of_a_column_do_not_move(desk, todo):
    full = desk.column("Full", wipLimit=1)
    a, b = desk.cards(todo, "a b")
    told = refused(desk, "PATCH", {"id": a, "columnId": full}, {"id": b, "columnId": full})
    assert told == (409, "cards[1]: the column 'Full' is full: it takes 1 cards")
    assert desk.titles(todo) == "a b"


def test_room_that_one_change_makes_is_there_for_the_next(desk, todo):
    full = desk.column("Full", wipLimit=1)
    inside, outside = desk.card(full, "in")["id"], desk.card(todo, "out")["id"]
    change(desk, {"id": inside, "columnId": todo}, {"id": outside, "columnId": full})
    assert (desk.titles(todo), desk.titles(full)) == ("in", "out")


def test_card_does_not_stand_beside_one_of_another_column(desk, todo, done):
    a, b = desk.card(todo)["id"], desk.card(done)["id"]
    told = (409, "cards[0].after is not in that column")
    assert refused(desk, "PATCH", {"id": a, "after": b}) == told
