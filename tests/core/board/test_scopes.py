"""Scopes: dense in their project, each with its own columns; and deletion."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements import count_statements
from tests.support.world import at_once

VIEWS = ("kanban", "list", "calendar", "roadmap", "stats")


def scopes(card_api):
    listed = card_api.ask("GET", "/scopes")
    assert [scope["order"] for scope in listed] == list(range(len(listed)))
    return listed


def names(card_api):
    return " ".join(scope["name"] for scope in scopes(card_api))


def scope(card_api, name="Phase 2", **fields):
    return card_api.ask("POST", "/scopes", {"name": name, **fields})


def column_of(scope, name):
    return next(column["id"] for column in scope["columns"] if column["name"] == name)


@pytest.fixture
def phases(card_api):
    """Create scopes a, b and c after the default one, and return their ids by name."""
    return {name: scope(card_api, name)["id"] for name in "abc"}


# ------------------------------------------------------------------------------------------------- made and read


def test_project_begins_with_one_scope_that_is_the_default(card_api):
    (main,) = scopes(card_api)
    assert (main["name"], main["isDefault"], main["activeView"]) == ("Main", True, "kanban")
    assert main["columns"] == card_api.columns()


def test_created_scope_has_all_given_fields(card_api):
    new_scope = scope(
        card_api, description="All of it", startDate="2026-04-01", dueDate="2026-05-01T12:00:00+02:00"
    )
    assert new_scope == {
        "id": new_scope["id"],
        "projectId": card_api.project["id"],
        "name": "Phase 2",
        "description": "All of it",
        "order": 1,
        "isDefault": False,
        "startDate": "2026-04-01T00:00:00Z",
        "dueDate": "2026-05-01T10:00:00Z",
        "activeView": "kanban",
        "views": [{"type": kind, "settings": {}} for kind in VIEWS],
        "columns": new_scope["columns"],
        "createdAt": new_scope["createdAt"],
        "updatedAt": new_scope["createdAt"],
    }
    assert scopes(card_api)[1] == new_scope
    assert (
        card_api.world.ask(card_api.person, "GET", f"{card_api.workspace.path}/scopes/{new_scope['id']}")
        == new_scope
    )
    assert card_api.ask("GET", f"/scopes/{new_scope['id']}") == new_scope
    assert card_api.ask("GET", "/board")["scopes"] == scopes(card_api)


def test_scope_begins_with_columns_like_those_of_the_default_one(card_api):
    card_api.column("Review", order=1, cardStatus="in_progress", wipLimit=3)
    card_api.card(card_api.columns()[0]["id"])
    new_scope = scope(card_api)
    alike = ("name", "order", "cardStatus", "wipLimit")
    assert [[column[name] for name in alike] for column in new_scope["columns"]] == [
        [column[name] for name in alike] for column in scopes(card_api)[0]["columns"]
    ]
    assert {column["scopeId"] for column in new_scope["columns"]} == {new_scope["id"]}
    assert {column["cardCount"] for column in new_scope["columns"]} == {0}


def test_scope_begins_with_the_given_columns(card_api):
    columns = [{"name": "Idea", "wipLimit": 3}, {"name": "Done", "cardStatus": "done"}]
    new_scope = scope(card_api, columns=columns)
    created_columns = [
        (column["name"], column["order"], column["cardStatus"], column["wipLimit"])
        for column in new_scope["columns"]
    ]
    assert created_columns == [("Idea", 0, None, 3), ("Done", 1, "done", None)]
    assert card_api.ask("GET", "/scopes")[1] == new_scope
    assert [
        column["id"] for column in card_api.ask("GET", "/columns") if column["scopeId"] == new_scope["id"]
    ] == [column["id"] for column in new_scope["columns"]]


def test_scope_may_begin_without_columns(card_api):
    assert scope(card_api, columns=[])["columns"] == []


def test_scope_of_a_default_one_without_columns_has_none(card_api):
    for column in card_api.columns():
        card_api.ask("DELETE", f"/columns/{column['id']}")
    assert scope(card_api)["columns"] == []


def test_columns_are_made_and_listed_in_a_scope(card_api):
    new_scope = scope(card_api)
    column = card_api.column("Extra", scopeId=new_scope["id"], order=0)
    columns = card_api.ask("GET", f"/columns?scopeId={new_scope['id']}")
    assert [column["name"] for column in columns] == ["Extra", "To Do", "In Progress", "Done"]
    assert [column["order"] for column in columns] == [0, 1, 2, 3]
    assert card_api.columns() == [*scopes(card_api)[0]["columns"], *columns]
    assert columns[0]["id"] == column


@pytest.mark.parametrize(
    ("order", "expected"), [(0, "x Main a b c"), (2, "Main a x b c"), (99, "Main a b c x")]
)
def test_scope_is_moved_to_the_requested_position(card_api, phases, order, expected):
    assert scope(card_api, "x", order=order)["order"] == expected.split().index("x")
    assert names(card_api) == expected


def test_scopes_by_the_page(card_api, phases):
    card_api.ask("PATCH", f"/scopes/{phases['c']}", {"order": 0})
    answer = card_api.world.call(card_api.person, "GET", f"{card_api.path}/scopes?limit=3")
    assert 'rel="next"' in answer.headers["link"]
    assert [row["name"] for row in card_api.ask("GET", "/scopes?limit=3")] == ["Main", "a", "b"]
    assert [row["order"] for row in card_api.ask("GET", "/scopes?limit=3")] == [1, 2, 3]
    assert all(row["columns"] for row in card_api.ask("GET", "/scopes?limit=3"))


# ------------------------------------------------------------------------------------------------- changed


def test_update_changes_only_given_fields(card_api, phases):
    before = scopes(card_api)[1]
    changed = card_api.ask("PATCH", f"/scopes/{phases['a']}", {"name": "A", "dueDate": "2026-06-01"})
    expected = {"name": "A", "dueDate": "2026-06-01T00:00:00Z", "updatedAt": changed["updatedAt"]}
    assert changed == before | expected
    assert scopes(card_api)[1] == changed


def test_update_without_changes_leaves_the_scope_unchanged(card_api, phases):
    before = scopes(card_api)[1]
    assert card_api.ask("PATCH", f"/scopes/{phases['a']}", {"name": "a", "order": 1}) == before
    assert card_api.ask("PATCH", f"/scopes/{phases['a']}", {}) == before


def test_default_scope_can_be_renamed_and_moved(card_api, phases):
    main = scopes(card_api)[0]["id"]
    card_api.ask("PATCH", f"/scopes/{main}", {"name": "Rest", "order": 3})
    assert names(card_api) == "a b c Rest"
    card_api.column("new")
    assert card_api.columns()[-1]["scopeId"] == main


DATES = {"startDate": "2026-05-02", "dueDate": "2026-05-01"}


def test_scope_does_not_start_after_it_is_due(card_api):
    expected = (400, "startDate must not be after dueDate")
    assert card_api.error("POST", "/scopes", {"name": "x", **DATES}) == expected
    assert names(card_api) == "Main"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"startDate": "2026-05-02"}, "startDate must not be after dueDate"),
        ({"dueDate": "2026-03-31"}, "dueDate must not be before startDate"),
    ],
)
def test_scope_that_would_start_after_it_is_due_stays_as_it_was(card_api, change, message):
    new_scope = scope(card_api, startDate="2026-04-01", dueDate="2026-05-01")
    assert card_api.error("PATCH", f"/scopes/{new_scope['id']}", {**change, "order": 0}) == (400, message)
    assert scopes(card_api)[1] == new_scope


def test_any_moves_leave_a_list(card_api, phases):
    ids = {**phases, "Main": scopes(card_api)[0]["id"]}
    model = ["Main", *"abc"]

    @given(st.sampled_from(sorted(ids)), st.integers(0, 5))
    def moves(name, order):
        moved = card_api.ask("PATCH", f"/scopes/{ids[name]}", {"order": order})
        model.remove(name)
        model.insert(order, name)
        assert (names(card_api), moved["order"]) == (" ".join(model), model.index(name))

    moves()


# ------------------------------------------------------------------------------------------------- cards in scopes


def test_card_that_moves_to_a_column_of_another_scope_belongs_to_that(card_api):
    new_scope = scope(card_api)
    card = card_api.card(card_api.columns()[0]["id"])
    moved = card_api.change(card["id"], columnId=column_of(new_scope, "Done"))
    assert (moved["scopeId"], moved["status"], moved["order"]) == (new_scope["id"], "done", 0)
    assert [listed_card["id"] for listed_card in card_api.list_cards(f"scopeId={new_scope['id']}")] == [
        card["id"]
    ]
    assert card_api.list_cards(f"scopeId={card['scopeId']}") == []


# ------------------------------------------------------------------------------------------------- deleted


def test_default_scope_is_not_deleted(card_api, phases):
    main = scopes(card_api)[0]["id"]
    expected = (409, "the default scope of a project cannot be deleted")
    assert card_api.error("DELETE", f"/scopes/{main}") == expected
    assert names(card_api) == "Main a b c"


def test_deleted_scope_leaves_no_gap(card_api, phases):
    assert card_api.ask("DELETE", f"/scopes/{phases['b']}") == {"ok": True, "brokenAutomations": []}
    assert names(card_api) == "Main a c"
    assert card_api.error("GET", f"/scopes/{phases['b']}") == (404, "Scope not found")


def test_scope_goes_with_its_columns_and_cards_and_nothing_else(card_api):
    new_scope = scope(card_api)
    remaining_card = card_api.card(card_api.columns()[0]["id"])
    first, second = (card_api.card(column_of(new_scope, "To Do"), title)["id"] for title in ("x", "y"))
    card_api.change(second, archived=True)
    card_api.ask("DELETE", f"/scopes/{new_scope['id']}")
    assert [card["id"] for card in card_api.list_cards()] == [remaining_card["id"]]
    assert len(card_api.columns()) == 3
    for card in (first, second):
        assert card_api.error("GET", f"/cards/{card}") == (404, "Card not found")


def test_deletion_of_a_scope_notifies_about_each_card(card_api):
    bob, cid = card_api.world.people("bob cid")
    for person in (bob, cid):
        card_api.world.join(person, card_api.workspace)
    new_scope = scope(card_api)
    mine, commented = (card_api.card(column_of(new_scope, "To Do"), title)["id"] for title in ("x", "y"))
    card_api.change(mine, assigneeId=bob.id)
    card_api.world.ask(cid, "POST", f"{card_api.path}/cards/{commented}/comments", {"content": "Well."})
    card_api.ask("DELETE", f"/scopes/{new_scope['id']}")

    def deleted_titles(person):
        notifications = card_api.world.ask(person, "GET", "/notifications")
        news = [notification["activity"] for notification in notifications]
        return [activity["meta"]["cardTitle"] for activity in news if activity["type"] == "card_deleted"]

    assert (deleted_titles(bob), deleted_titles(cid)) == (["x"], ["y"])


def test_cards_of_a_deleted_scope_go_to_the_end_of_a_column(card_api):
    todo, _, done = (column["id"] for column in card_api.columns())
    new_scope = scope(card_api)
    card_api.cards(done, "p q")
    late = card_api.card(column_of(new_scope, "Done"), "late")["id"]
    first, second, hidden = card_api.cards(column_of(new_scope, "To Do"), "first second hidden")
    card_api.change(hidden, archived=True)
    card_api.change(second, order=0)
    card_api.ask("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={done}")
    assert card_api.titles(done) == "p q second first late"
    assert card_api.titles(todo) == ""
    hidden_card = card_api.read(hidden)
    assert (hidden_card["columnId"], hidden_card["archived"], hidden_card["order"]) == (done, True, None)
    assert {card_api.read(card)["scopeId"] for card in (first, late, hidden)} == {
        card_api.columns()[0]["scopeId"]
    }
    assert names(card_api) == "Main"


def test_cards_do_not_move_to_a_full_column(card_api):
    new_scope = scope(card_api)
    card_api.cards(column_of(new_scope, "To Do"), "x y")
    full = card_api.column("Full", wipLimit=1)
    assert card_api.error("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={full}")[0] == 409
    assert card_api.titles(column_of(new_scope, "To Do")) == "x y"


def test_cards_do_not_go_to_a_column_of_the_scope_that_is_deleted(card_api):
    new_scope = scope(card_api)
    expected = (400, "moveCardsTo must be a column of another scope")
    assert (
        card_api.error("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={column_of(new_scope, 'Done')}")
        == expected
    )
    assert names(card_api) == "Main Phase 2"


# ------------------------------------------------------------------------------------------------- elsewhere


# ------------------------------------------------------------------------------------------------- which view


def views(card_api, scope_id):
    return card_api.ask("GET", f"/scopes/{scope_id}/views")


def test_view_is_switched_for_all_members(card_api, phases):
    answer = card_api.ask("PATCH", f"/scopes/{phases['a']}/views", {"activeView": "roadmap"})
    assert answer == {
        "activeView": "roadmap",
        "views": [{"type": kind, "settings": {}} for kind in VIEWS],
        "data": None,
    }
    assert views(card_api, phases["a"]) == answer
    assert card_api.ask("GET", f"/scopes/{phases['a']}")["activeView"] == "roadmap"
    assert views(card_api, phases["b"])["activeView"] == "kanban"


def settings(answer):
    return {view["type"]: view["settings"] for view in answer["views"] if view["settings"]}


def test_settings_belong_to_the_active_view(card_api, phases):
    path = f"/scopes/{phases['a']}/views"
    body = {"activeView": "list", "settings": {"sortBy": "dueDate", "fields": ["a", {"b": None}]}}
    assert settings(card_api.ask("PATCH", path, body)) == {"list": body["settings"]}
    answer = card_api.ask("PATCH", path, {"settings": {"sortBy": None, "dense": True}})
    assert settings(answer) == {"list": {"fields": ["a", {"b": None}], "dense": True}}
    assert settings(card_api.ask("GET", f"/scopes/{phases['a']}")) == settings(answer)


def test_settings_of_another_view_leave_the_active_one(card_api, phases):
    path = f"/scopes/{phases['a']}/views"
    answer = card_api.ask("PATCH", path, {"type": "calendar", "settings": {"weekStart": "monday"}})
    assert (answer["activeView"], settings(answer)) == ("kanban", {"calendar": {"weekStart": "monday"}})


def test_view_that_stays_as_it_is_leaves_the_scope_as_it_was(card_api, phases):
    before = scopes(card_api)
    card_api.ask(
        "PATCH", f"/scopes/{phases['a']}/views", {"activeView": "kanban", "settings": {}, "type": "list"}
    )
    card_api.ask("PATCH", f"/scopes/{phases['a']}/views", {"settings": {"x": None}})
    card_api.ask("PATCH", f"/scopes/{phases['a']}/views", {})
    assert scopes(card_api) == before


@pytest.mark.parametrize("much", [{str(n): n for n in range(51)}, {"x": "y" * 10_000}])
def test_size_of_settings_is_limited(card_api, phases, much):
    path = f"/scopes/{phases['a']}/views"
    message = "settings must have at most 50 names and 10000 bytes as JSON, with those that are kept"
    assert card_api.error("PATCH", path, {"activeView": "list", "settings": much}) == (400, message)
    assert views(card_api, phases["a"])["activeView"] == "kanban"


# ------------------------------------------------------------------------------------------------- many at once


def statuses(*answers):
    return Counter(answer.status for answer in answers)


def test_concurrently_changed_scopes_stay_dense(card_api, phases):
    def send(method, tail, body=None):
        return lambda: card_api.world.call(card_api.person, method, card_api.path + tail, body)

    calls = [send("POST", "/scopes", {"name": str(n), "order": n % 3}) for n in range(4)]
    calls += [send("PATCH", f"/scopes/{id}", {"order": 3 - n}) for n, id in enumerate(phases.values())]
    calls += [send("DELETE", f"/scopes/{phases['c']}")]
    counts = statuses(*at_once(*calls))
    assert counts.keys() <= {200, 201, 404}
    assert (counts[201], len(scopes(card_api))) == (4, 7)


def test_concurrently_deleted_scope_loses_no_card(card_api):
    todo, _, done = (column["id"] for column in card_api.columns())
    new_scope = scope(card_api)
    target = column_of(new_scope, "To Do")
    cards = card_api.cards(todo, "a b c d")
    other = card_api.card(target, "e")["id"]

    def send(method, tail, body=None):
        return lambda: card_api.world.call(card_api.person, method, card_api.path + tail, body)

    calls = [send("PATCH", f"/cards/{card}", {"columnId": target}) for card in cards]
    calls += [send("POST", "/columns", {"name": "x", "scopeId": new_scope["id"]})]
    calls.insert(2, send("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={done}"))
    assert statuses(*at_once(*calls)).keys() <= {200, 201, 400}
    assert {card["id"] for card in card_api.list_cards()} == {*cards, other}
    assert {card["scopeId"] for card in card_api.list_cards()} == {scopes(card_api)[0]["id"]}
    assert len(card_api.columns()) == 3


def test_concurrently_changed_settings_are_all_kept(card_api, phases):
    path = f"{card_api.path}/scopes/{phases['a']}/views"

    def send(name):
        body = {"type": "list", "settings": {name: True}}
        return lambda: card_api.world.call(card_api.person, "PATCH", path, body)

    assert statuses(*at_once(*map(send, "pqrs"))) == {200: 4}
    assert settings(views(card_api, phases["a"])) == {"list": dict.fromkeys("pqrs", True)}


# ------------------------------------------------------------------------------------------------- statements


def test_statements_do_not_grow_with_scopes_and_cards(card_api):
    counts = []
    for api, count, cards in ((card_api, 2, 3), (card_api.another(), 12, 60)):
        new_scopes = [scope(api, str(number)) for number in range(count)]
        target = api.columns()[0]["id"]
        for scoped in new_scopes[:2]:
            column = scoped["columns"][0]["id"]
            bodies = [{"columnId": column, "title": str(number)} for number in range(cards)]
            api.ask("POST", "/cards/bulk", {"cards": bodies})
        requests = [
            ("GET", "/scopes", None),
            ("GET", f"/scopes/{new_scopes[0]['id']}", None),
            ("POST", "/scopes", {"name": "x", "order": 0}),
            ("PATCH", f"/scopes/{new_scopes[0]['id']}", {"name": "y", "order": 0}),
            ("PATCH", f"/scopes/{new_scopes[0]['id']}/views", {"settings": {"a": 1}}),
            ("DELETE", f"/scopes/{new_scopes[0]['id']}?moveCardsTo={target}", None),
            ("DELETE", f"/scopes/{new_scopes[1]['id']}", None),
        ]
        counts.append([count_statements(api.ask, *request) for request in requests])
    assert counts[0] == counts[1]
