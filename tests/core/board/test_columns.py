"""Columns: dense in their scope, and never lost with a card in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

NOWHERE = "f" * 24


def names(desk):
    found = desk.columns()
    assert [column["order"] for column in found] == list(range(len(found)))
    return " ".join(column["name"] for column in found)


@pytest.fixture
def lane(desk):
    """A project whose columns are a, b, c and d; their ids by name."""
    old = desk.columns()
    ids = {name: desk.column(name) for name in "abcd"}
    for column in old:
        desk.ask("DELETE", f"/columns/{column['id']}")
    return ids


def test_column_has_all_that_was_said(desk):
    made = desk.ask("POST", "/columns", {"name": "Review", "cardStatus": "in_progress", "wipLimit": 3})
    assert made == {
        "id": made["id"],
        "name": "Review",
        "projectId": desk.project["id"],
        "scopeId": desk.columns()[0]["scopeId"],
        "order": 3,
        "cardStatus": "in_progress",
        "wipLimit": 3,
        "cardCount": 0,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
    }
    assert desk.columns()[3] == made


def test_column_goes_where_it_wants(desk, lane):
    desk.column("x", order=1)
    assert names(desk) == "a x b c d"


def test_column_that_wants_too_far_goes_to_the_end(desk, lane):
    desk.column("x", order=99)
    assert names(desk) == "a b c d x"


@pytest.mark.parametrize("scope", [NOWHERE, "", "x"])
def test_column_in_a_scope_that_is_not_there(desk, scope):
    told = (400, "scopeId must be the id of something that is there")
    assert desk.error("POST", "/columns", {"name": "x", "scopeId": scope}) == told


def test_scope_of_another_project_is_unknown(desk):
    scope = desk.another().columns()[0]["scopeId"]
    assert desk.error("POST", "/columns", {"name": "x", "scopeId": scope})[0] == 400


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
def test_column_moves(desk, lane, column, order, expected):
    moved = desk.ask("PATCH", f"/columns/{lane[column]}", {"order": order})
    assert names(desk) == expected
    assert moved["order"] == expected.split().index(column)


def test_only_what_is_named_changes(desk, lane):
    before = desk.columns()[1]
    changed = desk.ask("PATCH", f"/columns/{lane['b']}", {"wipLimit": 2})
    assert changed == before | {"wipLimit": 2, "updatedAt": changed["updatedAt"]}


@pytest.mark.parametrize("field", ["wipLimit", "cardStatus"])
def test_null_clears(desk, field):
    column = desk.column("x", wipLimit=1, cardStatus="done")
    assert desk.ask("PATCH", f"/columns/{column}", {field: None})[field] is None


def test_what_changes_nothing_leaves_the_column_as_it_was(desk, lane):
    assert desk.ask("PATCH", f"/columns/{lane['a']}", {"name": "a", "order": 0}) == desk.columns()[0]


def test_status_of_a_column_is_for_cards_that_enter_later(desk, lane):
    card = desk.card(lane["a"])["id"]
    desk.ask("PATCH", f"/columns/{lane['a']}", {"cardStatus": "done"})
    assert desk.read(card)["status"] == "open"
    assert desk.card(lane["a"])["status"] == "done"


def test_column_counts_the_cards_that_stand_in_it(desk, lane):
    _, b, _ = desk.cards(lane["a"], "a b c")
    desk.change(b, archived=True)
    assert [column["cardCount"] for column in desk.columns()] == [2, 0, 0, 0]


def test_columns_of_one_scope(desk, lane):
    scope = desk.columns()[0]["scopeId"]
    assert desk.ask("GET", f"/columns?scopeId={scope}") == desk.columns()
    status, message = desk.error("GET", f"/columns?scopeId={NOWHERE}")
    assert (status, message) == (400, "scopeId must be the id of something that is there")


def test_columns_by_the_page(desk, lane):
    desk.ask("PATCH", f"/columns/{lane['d']}", {"order": 0})
    answer = desk.world.call(desk.person, "GET", f"{desk.path}/columns?limit=3")
    assert 'rel="next"' in answer.headers["link"]
    assert [column["name"] for column in desk.ask("GET", "/columns?limit=3")] == ["a", "b", "c"]


def test_empty_column_is_deleted_and_leaves_no_gap(desk, lane):
    assert desk.ask("DELETE", f"/columns/{lane['b']}") == {"ok": True}
    assert names(desk) == "a c d"


@pytest.mark.parametrize("archived", [True, False])
def test_column_that_holds_cards_is_not_deleted(desk, lane, archived):
    card = desk.card(lane["a"])["id"]
    desk.change(card, archived=archived)
    assert desk.error("DELETE", f"/columns/{lane['a']}")[0] == 409
    assert desk.read(card)["columnId"] == lane["a"]


def test_cards_of_a_deleted_column_go_to_the_end_of_another_one(desk, lane):
    desk.cards(lane["b"], "x y")
    first, second, third = desk.cards(lane["a"], "p q r")
    desk.change(second, archived=True)
    desk.change(third, order=0)
    desk.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert desk.titles(lane["b"]) == "x y r p"
    assert names(desk) == "b c d"
    moved = desk.read(second)
    assert (moved["columnId"], moved["order"], moved["archived"]) == (lane["b"], None, True)
    assert desk.read(first)["version"] == 2


def test_cards_of_a_deleted_column_take_the_status_of_the_other_one(desk):
    todo, _, done = (column["id"] for column in desk.columns())
    card = desk.card(todo)["id"]
    desk.ask("DELETE", f"/columns/{todo}?moveCardsTo={done}")
    moved = desk.read(card)
    assert (moved["status"], moved["completedAt"]) == ("done", moved["updatedAt"])


def test_empty_column_is_deleted_wherever_its_cards_would_go(desk, lane):
    desk.ask("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")
    assert names(desk) == "b c d"


def test_cards_do_not_go_to_a_column_that_has_no_room(desk, lane):
    desk.cards(lane["a"], "x y")
    desk.ask("PATCH", f"/columns/{lane['b']}", {"wipLimit": 1})
    assert desk.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['b']}")[0] == 409
    assert desk.titles(lane["a"]) == "x y"


@pytest.mark.parametrize("target", [NOWHERE, "", "x"])
def test_cards_do_not_go_to_a_column_that_is_not_there(desk, lane, target):
    told = (400, "moveCardsTo must be the id of something that is there")
    assert desk.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={target}") == told


def test_cards_do_not_go_to_another_project(desk, lane):
    other = desk.another().columns()[0]["id"]
    assert desk.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={other}")[0] == 400


def test_cards_do_not_go_to_the_column_that_is_deleted(desk, lane):
    told = (400, "moveCardsTo must be another column")
    assert desk.error("DELETE", f"/columns/{lane['a']}?moveCardsTo={lane['a']}") == told


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_column_that_is_not_there(desk, method):
    other = desk.another().columns()[0]["id"]
    assert desk.error(method, f"/columns/{NOWHERE}") == (404, "Column not found")
    assert desk.error(method, f"/columns/{other}") == (404, "Column not found")


def test_any_moves_leave_a_list(desk, lane):
    model = list("abcd")

    @given(st.sampled_from("abcd"), st.integers(0, 5))
    def moves(column, order):
        desk.ask("PATCH", f"/columns/{lane[column]}", {"order": order})
        model.remove(column)
        model.insert(order, column)
        assert names(desk) == " ".join(model)

    moves()
