"""Columns: dense in their scope, and never lost with a card in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st


def names(api):
    columns = api.columns()
    assert [column["order"] for column in columns] == list(range(len(columns)))
    return " ".join(column["name"] for column in columns)


@pytest.fixture
def lane(api):
    """Return the ids of the columns a, b, c and d by name."""
    old = api.columns()
    ids = {name: api.column(name) for name in "abcd"}
    for column in old:
        api.ask("DELETE", f"/columns/{column['id']}")
    return ids


def test_column_adds_up_the_estimates_of_its_unarchived_cards(api, lane):
    for estimate in (0.1, 0.2, None):
        card = api.card(lane["a"], estimate=estimate)
    api.change(api.card(lane["a"], estimate=8)["id"], archived=True)
    assert [column["cardEstimate"] for column in api.columns()] == [0.3, None, None, None]
    api.change(card["id"], columnId=lane["b"], estimate=0)
    assert [column["cardEstimate"] for column in api.ask("GET", "/board")["columns"]] == [0.3, 0, None, None]
    (scope,) = api.ask("GET", "/scopes")
    assert [column["cardEstimate"] for column in scope["columns"]] == [0.3, 0, None, None]


def test_column_is_created_at_the_requested_position(api, lane):
    api.column("x", order=1)
    assert names(api) == "a x b c d"


def test_position_beyond_the_end_is_the_end(api, lane):
    api.column("x", order=99)
    assert names(api) == "a b c d x"


def test_status_of_a_column_is_for_cards_that_enter_later(api, lane):
    card = api.card(lane["a"])["id"]
    api.ask("PATCH", f"/columns/{lane['a']}", {"cardStatus": "done"})
    assert api.read(card)["status"] == "open"
    assert api.card(lane["a"])["status"] == "done"


def test_column_counts_the_cards_that_stand_in_it(api, lane):
    _, b, _ = api.cards(lane["a"], "a b c")
    api.change(b, archived=True)
    assert [column["cardCount"] for column in api.columns()] == [2, 0, 0, 0]


def test_columns_of_one_scope(api, lane):
    scope = api.columns()[0]["scopeId"]
    assert api.ask("GET", f"/columns?scopeId={scope}") == api.columns()


def test_empty_column_is_deleted_and_leaves_no_gap(api, lane):
    assert api.ask("DELETE", f"/columns/{lane['b']}") == {"ok": True, "brokenAutomations": []}
    assert names(api) == "a c d"


@pytest.mark.parametrize("archived", [True, False])
def test_column_that_holds_cards_is_not_deleted(api, lane, archived):
    card = api.card(lane["a"])["id"]
    api.change(card, archived=archived)
    assert api.error("DELETE", f"/columns/{lane['a']}")[0] == 409
    assert api.read(card)["columnId"] == lane["a"]


def test_cards_of_a_deleted_column_go_to_the_end_of_another_one(api, lane):
    api.cards(lane["b"], "x y")
    first, second, third = api.cards(lane["a"], "p q r")
    api.change(second, archived=True)
    api.change(third, order=0)
    api.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert api.titles(lane["b"]) == "x y r p"
    assert names(api) == "b c d"
    moved = api.read(second)
    assert (moved["columnId"], moved["order"], moved["archived"]) == (lane["b"], None, True)
    assert api.read(first)["version"] == 2


def test_cards_of_a_deleted_column_take_the_status_of_the_other_one(api):
    todo, _, done = (column["id"] for column in api.columns())
    card = api.card(todo)["id"]
    api.ask("DELETE", f"/columns/{todo}?moveCardsTo={done}")
    moved = api.read(card)
    assert (moved["status"], moved["completedAt"]) == ("done", moved["updatedAt"])


def test_empty_column_is_deleted_with_any_target_column(api, lane):
    api.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert names(api) == "b c d"


def test_cards_do_not_go_to_a_column_that_has_no_room(api, lane):
    api.cards(lane["a"], "x y")
    api.ask("PATCH", f"/columns/{lane['b']}", {"wipLimit": 1})
    assert api.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")[0] == 409
    assert api.titles(lane["a"]) == "x y"


def test_cards_do_not_go_to_the_column_that_is_deleted(api, lane):
    expected = (400, "moveCardsTo must be another column")
    assert api.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['a']}") == expected


def test_any_moves_leave_a_list(api, lane):
    model = list("abcd")

    @given(st.sampled_from("abcd"), st.integers(0, 5))
    def moves(column, order):
        moved = api.ask("PATCH", f"/columns/{lane[column]}", {"order": order})
        model.remove(column)
        model.insert(order, column)
        assert (names(api), moved["order"]) == (" ".join(model), model.index(column))

    moves()
