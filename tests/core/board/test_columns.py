"""Columns: dense in their scope, and never lost with a card in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

NOWHERE = "f" * 24


def names(card_api):
    columns = card_api.columns()
    assert [column["order"] for column in columns] == list(range(len(columns)))
    return " ".join(column["name"] for column in columns)


@pytest.fixture
def lane(card_api):
    """Return the ids of the columns a, b, c and d by name."""
    old = card_api.columns()
    ids = {name: card_api.column(name) for name in "abcd"}
    for column in old:
        card_api.ask("DELETE", f"/columns/{column['id']}")
    return ids


def test_created_column_has_all_given_fields(card_api):
    column = card_api.ask("POST", "/columns", {"name": "Review", "cardStatus": "in_progress", "wipLimit": 3})
    assert column == {
        "id": column["id"],
        "name": "Review",
        "projectId": card_api.project["id"],
        "scopeId": card_api.columns()[0]["scopeId"],
        "order": 3,
        "cardStatus": "in_progress",
        "wipLimit": 3,
        "cardCount": 0,
        "createdAt": column["createdAt"],
        "updatedAt": column["createdAt"],
        "cardEstimate": None,
    }
    assert card_api.columns()[3] == column


def test_column_adds_up_the_estimates_of_its_unarchived_cards(card_api, lane):
    for estimate in (0.1, 0.2, None):
        card = card_api.card(lane["a"], estimate=estimate)
    card_api.change(card_api.card(lane["a"], estimate=8)["id"], archived=True)
    assert [column["cardEstimate"] for column in card_api.columns()] == [0.3, None, None, None]
    card_api.change(card["id"], columnId=lane["b"], estimate=0)
    assert [column["cardEstimate"] for column in card_api.ask("GET", "/board")["columns"]] == [
        0.3,
        0,
        None,
        None,
    ]
    (scope,) = card_api.ask("GET", "/scopes")
    assert [column["cardEstimate"] for column in scope["columns"]] == [0.3, 0, None, None]


def test_column_is_created_at_the_requested_position(card_api, lane):
    card_api.column("x", order=1)
    assert names(card_api) == "a x b c d"


def test_position_beyond_the_end_is_the_end(card_api, lane):
    card_api.column("x", order=99)
    assert names(card_api) == "a b c d x"


@pytest.mark.parametrize(
    ("column", "order", "expected"),
    [
        ("a", 2, "b c a d"),
        ("a", 3, "b c d a"),
        ("a", 99, "b c d a"),
        ("d", 0, "d a b c"),
        ("c", 1, "a c b d"),
        ("b", 1, "a b c d"),
    ],
)
def test_column_moves(card_api, lane, column, order, expected):
    moved = card_api.ask("PATCH", f"/columns/{lane[column]}", {"order": order})
    assert names(card_api) == expected
    assert moved["order"] == expected.split().index(column)


def test_update_changes_only_given_fields(card_api, lane):
    before = card_api.columns()[1]
    changed = card_api.ask("PATCH", f"/columns/{lane['b']}", {"wipLimit": 2})
    assert changed == before | {"wipLimit": 2, "updatedAt": changed["updatedAt"]}


def test_update_without_changes_leaves_the_column_unchanged(card_api, lane):
    assert card_api.ask("PATCH", f"/columns/{lane['a']}", {"name": "a", "order": 0}) == card_api.columns()[0]


def test_status_of_a_column_is_for_cards_that_enter_later(card_api, lane):
    card = card_api.card(lane["a"])["id"]
    card_api.ask("PATCH", f"/columns/{lane['a']}", {"cardStatus": "done"})
    assert card_api.read(card)["status"] == "open"
    assert card_api.card(lane["a"])["status"] == "done"


def test_column_counts_the_cards_that_stand_in_it(card_api, lane):
    _, b, _ = card_api.cards(lane["a"], "a b c")
    card_api.change(b, archived=True)
    assert [column["cardCount"] for column in card_api.columns()] == [2, 0, 0, 0]


def test_columns_of_one_scope(card_api, lane):
    scope = card_api.columns()[0]["scopeId"]
    assert card_api.ask("GET", f"/columns?scopeId={scope}") == card_api.columns()
    status, message = card_api.error("GET", f"/columns?scopeId={NOWHERE}")
    assert (status, message) == (400, "scopeId must be the id of an existing item")


def test_columns_by_the_page(card_api, lane):
    card_api.ask("PATCH", f"/columns/{lane['d']}", {"order": 0})
    answer = card_api.world.call(card_api.person, "GET", f"{card_api.path}/columns?limit=3")
    assert 'rel="next"' in answer.headers["link"]
    assert [column["name"] for column in card_api.ask("GET", "/columns?limit=3")] == ["a", "b", "c"]


def test_empty_column_is_deleted_and_leaves_no_gap(card_api, lane):
    assert card_api.ask("DELETE", f"/columns/{lane['b']}") == {"ok": True, "brokenAutomations": []}
    assert names(card_api) == "a c d"


@pytest.mark.parametrize("archived", [True, False])
def test_column_that_holds_cards_is_not_deleted(card_api, lane, archived):
    card = card_api.card(lane["a"])["id"]
    card_api.change(card, archived=archived)
    assert card_api.error("DELETE", f"/columns/{lane['a']}")[0] == 409
    assert card_api.read(card)["columnId"] == lane["a"]


def test_cards_of_a_deleted_column_go_to_the_end_of_another_one(card_api, lane):
    card_api.cards(lane["b"], "x y")
    first, second, third = card_api.cards(lane["a"], "p q r")
    card_api.change(second, archived=True)
    card_api.change(third, order=0)
    card_api.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert card_api.titles(lane["b"]) == "x y r p"
    assert names(card_api) == "b c d"
    moved = card_api.read(second)
    assert (moved["columnId"], moved["order"], moved["archived"]) == (lane["b"], None, True)
    assert card_api.read(first)["version"] == 2


def test_cards_of_a_deleted_column_take_the_status_of_the_other_one(card_api):
    todo, _, done = (column["id"] for column in card_api.columns())
    card = card_api.card(todo)["id"]
    card_api.ask("DELETE", f"/columns/{todo}?moveCardsTo={done}")
    moved = card_api.read(card)
    assert (moved["status"], moved["completedAt"]) == ("done", moved["updatedAt"])


def test_empty_column_is_deleted_with_any_target_column(card_api, lane):
    card_api.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert names(card_api) == "b c d"


def test_cards_do_not_go_to_a_column_that_has_no_room(card_api, lane):
    card_api.cards(lane["a"], "x y")
    card_api.ask("PATCH", f"/columns/{lane['b']}", {"wipLimit": 1})
    assert card_api.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")[0] == 409
    assert card_api.titles(lane["a"]) == "x y"


def test_cards_do_not_go_to_the_column_that_is_deleted(card_api, lane):
    expected = (400, "moveCardsTo must be another column")
    assert card_api.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['a']}") == expected


def test_any_moves_leave_a_list(card_api, lane):
    model = list("abcd")

    @given(st.sampled_from("abcd"), st.integers(0, 5))
    def moves(column, order):
        card_api.ask("PATCH", f"/columns/{lane[column]}", {"order": order})
        model.remove(column)
        model.insert(order, column)
        assert names(card_api) == " ".join(model)

    moves()
