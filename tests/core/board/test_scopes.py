"""Scopes: dense in their project, each with its own columns; and deletion."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements import count_statements
from tests.support.world import at_once

VIEWS = ("kanban", "list", "calendar", "roadmap", "stats")


def scopes(api):
    listed = api.ask("GET", "/scopes")
    assert [scope["order"] for scope in listed] == list(range(len(listed)))
    return listed


def names(api):
    return " ".join(scope["name"] for scope in scopes(api))


def scope(api, name="Phase 2", **fields):
    return api.ask("POST", "/scopes", {"name": name, **fields})


def column_of(scope, name):
    return next(column["id"] for column in scope["columns"] if column["name"] == name)


@pytest.fixture
def phases(api):
    """Create scopes a, b and c after the default one, and return their ids by name."""
    return {name: scope(api, name)["id"] for name in "abc"}


# ------------------------------------------------------------------------------------------------- made and read


def test_project_begins_with_one_scope_that_is_the_default(api):
    (main,) = scopes(api)
    assert (main["name"], main["isDefault"], main["activeView"]) == ("Main", True, "kanban")
    assert main["columns"] == api.columns()


def test_created_scope_has_all_given_fields(api):
    sent = {"description": "All of it", "startDate": "2026-04-01", "dueDate": "2026-05-01T12:00:00+02:00"}
    new_scope = scope(api, **sent)
    derived = {"name": "Phase 2", "projectId": api.project["id"], "order": 1, "isDefault": False}
    derived |= {"description": "All of it", "activeView": "kanban"}
    derived |= {"startDate": "2026-04-01T00:00:00Z", "dueDate": "2026-05-01T10:00:00Z"}
    assert new_scope == new_scope | derived | {"views": [{"type": kind, "settings": {}} for kind in VIEWS]}
    assert scopes(api)[1] == new_scope
    assert api.world.ask(api.person, "GET", f"{api.workspace.path}/scopes/{new_scope['id']}") == new_scope
    assert api.ask("GET", f"/scopes/{new_scope['id']}") == new_scope
    assert api.ask("GET", "/board")["scopes"] == scopes(api)


def test_scope_begins_with_columns_like_those_of_the_default_one(api):
    api.column("Review", order=1, cardStatus="in_progress", wipLimit=3)
    api.card(api.columns()[0]["id"])
    new_scope = scope(api)
    alike = ("name", "order", "cardStatus", "wipLimit")
    assert [[column[name] for name in alike] for column in new_scope["columns"]] == [
        [column[name] for name in alike] for column in scopes(api)[0]["columns"]
    ]
    assert {column["scopeId"] for column in new_scope["columns"]} == {new_scope["id"]}
    assert {column["cardCount"] for column in new_scope["columns"]} == {0}


def test_scope_begins_with_the_given_columns(api):
    columns = [{"name": "Idea", "wipLimit": 3}, {"name": "Done", "cardStatus": "done"}]
    new_scope = scope(api, columns=columns)
    created_columns = [
        (column["name"], column["order"], column["cardStatus"], column["wipLimit"])
        for column in new_scope["columns"]
    ]
    assert created_columns == [("Idea", 0, None, 3), ("Done", 1, "done", None)]
    assert api.ask("GET", "/scopes")[1] == new_scope
    assert [
        column["id"] for column in api.ask("GET", "/columns") if column["scopeId"] == new_scope["id"]
    ] == [column["id"] for column in new_scope["columns"]]


def test_scope_may_begin_without_columns(api):
    assert scope(api, columns=[])["columns"] == []


def test_scope_of_a_default_one_without_columns_has_none(api):
    for column in api.columns():
        api.ask("DELETE", f"/columns/{column['id']}")
    assert scope(api)["columns"] == []


def test_columns_are_made_and_listed_in_a_scope(api):
    new_scope = scope(api)
    column = api.column("Extra", scopeId=new_scope["id"], order=0)
    columns = api.ask("GET", f"/columns?scopeId={new_scope['id']}")
    assert [column["name"] for column in columns] == ["Extra", "To Do", "In Progress", "Done"]
    assert [column["order"] for column in columns] == [0, 1, 2, 3]
    assert api.columns() == [*scopes(api)[0]["columns"], *columns]
    assert columns[0]["id"] == column


@pytest.mark.parametrize(
    ("order", "expected"), [(0, "x Main a b c"), (2, "Main a x b c"), (99, "Main a b c x")]
)
def test_scope_is_moved_to_the_requested_position(api, phases, order, expected):
    assert scope(api, "x", order=order)["order"] == expected.split().index("x")
    assert names(api) == expected


# ------------------------------------------------------------------------------------------------- changed


def test_default_scope_can_be_renamed_and_moved(api, phases):
    main = scopes(api)[0]["id"]
    api.ask("PATCH", f"/scopes/{main}", {"name": "Rest", "order": 3})
    assert names(api) == "a b c Rest"
    api.column("new")
    assert api.columns()[-1]["scopeId"] == main


DATES = {"startDate": "2026-05-02", "dueDate": "2026-05-01"}


def test_scope_does_not_start_after_it_is_due(api):
    expected = (400, "startDate must not be after dueDate")
    assert api.error("POST", "/scopes", {"name": "x", **DATES}) == expected
    assert names(api) == "Main"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"startDate": "2026-05-02"}, "startDate must not be after dueDate"),
        ({"dueDate": "2026-03-31"}, "dueDate must not be before startDate"),
    ],
)
def test_scope_that_would_start_after_it_is_due_stays_as_it_was(api, change, message):
    new_scope = scope(api, startDate="2026-04-01", dueDate="2026-05-01")
    assert api.error("PATCH", f"/scopes/{new_scope['id']}", {**change, "order": 0}) == (400, message)
    assert scopes(api)[1] == new_scope


def test_any_moves_leave_a_list(api, phases):
    ids = {**phases, "Main": scopes(api)[0]["id"]}
    model = ["Main", *"abc"]

    @given(st.sampled_from(sorted(ids)), st.integers(0, 5))
    def moves(name, order):
        moved = api.ask("PATCH", f"/scopes/{ids[name]}", {"order": order})
        model.remove(name)
        model.insert(order, name)
        assert (names(api), moved["order"]) == (" ".join(model), model.index(name))

    moves()


# ------------------------------------------------------------------------------------------------- cards in scopes


def test_card_that_moves_to_a_column_of_another_scope_belongs_to_that(api):
    new_scope = scope(api)
    card = api.card(api.columns()[0]["id"])
    moved = api.change(card["id"], columnId=column_of(new_scope, "Done"))
    assert (moved["scopeId"], moved["status"], moved["order"]) == (new_scope["id"], "done", 0)
    assert [listed_card["id"] for listed_card in api.list_cards(f"scopeId={new_scope['id']}")] == [card["id"]]
    assert api.list_cards(f"scopeId={card['scopeId']}") == []


# ------------------------------------------------------------------------------------------------- deleted


def test_default_scope_is_not_deleted(api, phases):
    main = scopes(api)[0]["id"]
    assert api.error("DELETE", f"/scopes/{main}") == (409, "the default scope of a project cannot be deleted")
    assert names(api) == "Main a b c"


def test_deleted_scope_leaves_no_gap(api, phases):
    assert api.ask("DELETE", f"/scopes/{phases['b']}") == {"ok": True, "brokenAutomations": []}
    assert names(api) == "Main a c"
    assert api.error("GET", f"/scopes/{phases['b']}") == (404, "Scope not found")


def test_scope_goes_with_its_columns_and_cards_and_nothing_else(api):
    new_scope = scope(api)
    remaining_card = api.card(api.columns()[0]["id"])
    first, second = (api.card(column_of(new_scope, "To Do"), title)["id"] for title in ("x", "y"))
    api.change(second, archived=True)
    api.ask("DELETE", f"/scopes/{new_scope['id']}")
    assert [card["id"] for card in api.list_cards()] == [remaining_card["id"]]
    assert len(api.columns()) == 3
    for card in (first, second):
        assert api.error("GET", f"/cards/{card}") == (404, "Card not found")


def test_deletion_of_a_scope_notifies_about_each_card(api):
    bob, cid = api.world.people("bob cid")
    for person in (bob, cid):
        api.world.join(person, api.workspace)
    new_scope = scope(api)
    mine, commented = (api.card(column_of(new_scope, "To Do"), title)["id"] for title in ("x", "y"))
    api.change(mine, assigneeId=bob.id)
    api.world.ask(cid, "POST", f"{api.path}/cards/{commented}/comments", {"content": "Well."})
    api.ask("DELETE", f"/scopes/{new_scope['id']}")

    def deleted_titles(person):
        news = [notification["activity"] for notification in api.world.ask(person, "GET", "/notifications")]
        return [activity["meta"]["cardTitle"] for activity in news if activity["type"] == "card_deleted"]

    assert (deleted_titles(bob), deleted_titles(cid)) == (["x"], ["y"])


def test_cards_of_a_deleted_scope_go_to_the_end_of_a_column(api):
    todo, _, done = (column["id"] for column in api.columns())
    new_scope = scope(api)
    api.cards(done, "p q")
    late = api.card(column_of(new_scope, "Done"), "late")["id"]
    first, second, hidden = api.cards(column_of(new_scope, "To Do"), "first second hidden")
    api.change(hidden, archived=True)
    api.change(second, order=0)
    api.ask("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={done}")
    assert api.titles(done) == "p q second first late"
    assert api.titles(todo) == ""
    hidden_card = api.read(hidden)
    assert (hidden_card["columnId"], hidden_card["archived"], hidden_card["order"]) == (done, True, None)
    assert {api.read(card)["scopeId"] for card in (first, late, hidden)} == {api.columns()[0]["scopeId"]}
    assert names(api) == "Main"


def test_cards_do_not_move_to_a_full_column(api):
    new_scope = scope(api)
    api.cards(column_of(new_scope, "To Do"), "x y")
    full = api.column("Full", wipLimit=1)
    assert api.error("DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={full}")[0] == 409
    assert api.titles(column_of(new_scope, "To Do")) == "x y"


def test_cards_do_not_go_to_a_column_of_the_scope_that_is_deleted(api):
    new_scope = scope(api)
    target = f"moveCardsTo={column_of(new_scope, 'Done')}"
    refused = api.error("DELETE", f"/scopes/{new_scope['id']}?{target}")
    assert refused == (400, "moveCardsTo must be a column of another scope")
    assert names(api) == "Main Phase 2"


# ------------------------------------------------------------------------------------------------- which view


def views(api, scope_id):
    return api.ask("GET", f"/scopes/{scope_id}/views")


def test_view_is_switched_for_all_members(api, phases):
    answer = api.ask("PATCH", f"/scopes/{phases['a']}/views", {"activeView": "roadmap"})
    expected = [{"type": kind, "settings": {}} for kind in VIEWS]
    assert answer == {"activeView": "roadmap", "views": expected, "data": None}
    assert views(api, phases["a"]) == answer
    assert api.ask("GET", f"/scopes/{phases['a']}")["activeView"] == "roadmap"
    assert views(api, phases["b"])["activeView"] == "kanban"


def settings(answer):
    return {view["type"]: view["settings"] for view in answer["views"] if view["settings"]}


def test_settings_belong_to_the_active_view(api, phases):
    path = f"/scopes/{phases['a']}/views"
    body = {"activeView": "list", "settings": {"sortBy": "dueDate", "fields": ["a", {"b": None}]}}
    assert settings(api.ask("PATCH", path, body)) == {"list": body["settings"]}
    answer = api.ask("PATCH", path, {"settings": {"sortBy": None, "dense": True}})
    assert settings(answer) == {"list": {"fields": ["a", {"b": None}], "dense": True}}
    assert settings(api.ask("GET", f"/scopes/{phases['a']}")) == settings(answer)


def test_settings_of_another_view_leave_the_active_one(api, phases):
    path = f"/scopes/{phases['a']}/views"
    answer = api.ask("PATCH", path, {"type": "calendar", "settings": {"weekStart": "monday"}})
    assert (answer["activeView"], settings(answer)) == ("kanban", {"calendar": {"weekStart": "monday"}})


def test_view_that_stays_as_it_is_leaves_the_scope_as_it_was(api, phases):
    before = scopes(api)
    api.ask("PATCH", f"/scopes/{phases['a']}/views", {"activeView": "kanban", "settings": {}, "type": "list"})
    api.ask("PATCH", f"/scopes/{phases['a']}/views", {"settings": {"x": None}})
    api.ask("PATCH", f"/scopes/{phases['a']}/views", {})
    assert scopes(api) == before


@pytest.mark.parametrize("much", [{str(n): n for n in range(51)}, {"x": "y" * 10_000}])
def test_size_of_settings_is_limited(api, phases, much):
    path = f"/scopes/{phases['a']}/views"
    message = "settings must have at most 50 names and 10000 bytes as JSON, with those that are kept"
    assert api.error("PATCH", path, {"activeView": "list", "settings": much}) == (400, message)
    assert views(api, phases["a"])["activeView"] == "kanban"


# ------------------------------------------------------------------------------------------------- many at once


def later(api, method, tail, body=None):
    return lambda: api.world.call(api.person, method, api.path + tail, body)


def statuses(*answers):
    return Counter(answer.status for answer in answers)


def test_concurrently_changed_scopes_stay_dense(api, phases):
    calls = [later(api, "POST", "/scopes", {"name": str(n), "order": n % 3}) for n in range(4)]
    calls += [later(api, "PATCH", f"/scopes/{id}", {"order": 3 - n}) for n, id in enumerate(phases.values())]
    calls += [later(api, "DELETE", f"/scopes/{phases['c']}")]
    counts = statuses(*at_once(*calls))
    assert counts.keys() <= {200, 201, 404}
    assert (counts[201], len(scopes(api))) == (4, 7)


def test_concurrently_deleted_scope_loses_no_card(api):
    todo, _, done = (column["id"] for column in api.columns())
    new_scope = scope(api)
    target = column_of(new_scope, "To Do")
    cards = api.cards(todo, "a b c d")
    other = api.card(target, "e")["id"]

    calls = [later(api, "PATCH", f"/cards/{card}", {"columnId": target}) for card in cards]
    calls += [later(api, "POST", "/columns", {"name": "x", "scopeId": new_scope["id"]})]
    calls.insert(2, later(api, "DELETE", f"/scopes/{new_scope['id']}?moveCardsTo={done}"))
    assert statuses(*at_once(*calls)).keys() <= {200, 201, 400}
    assert {card["id"] for card in api.list_cards()} == {*cards, other}
    assert {card["scopeId"] for card in api.list_cards()} == {scopes(api)[0]["id"]}
    assert len(api.columns()) == 3


def test_concurrently_changed_settings_are_all_kept(api, phases):
    path = f"{api.path}/scopes/{phases['a']}/views"

    def send(name):
        body = {"type": "list", "settings": {name: True}}
        return lambda: api.world.call(api.person, "PATCH", path, body)

    assert statuses(*at_once(*map(send, "pqrs"))) == {200: 4}
    assert settings(views(api, phases["a"])) == {"list": dict.fromkeys("pqrs", True)}


# ------------------------------------------------------------------------------------------------- statements


def test_statements_do_not_grow_with_scopes_and_cards(api):
    counts = []
    for project, count, cards in ((api, 2, 3), (api.another(), 12, 60)):
        new_scopes = [scope(project, str(number)) for number in range(count)]
        target = project.columns()[0]["id"]
        for scoped in new_scopes[:2]:
            column = scoped["columns"][0]["id"]
            bodies = [{"columnId": column, "title": str(number)} for number in range(cards)]
            project.ask("POST", "/cards/bulk", {"cards": bodies})
        requests = [
            ("GET", "/scopes", None),
            ("GET", f"/scopes/{new_scopes[0]['id']}", None),
            ("POST", "/scopes", {"name": "x", "order": 0}),
            ("PATCH", f"/scopes/{new_scopes[0]['id']}", {"name": "y", "order": 0}),
            ("PATCH", f"/scopes/{new_scopes[0]['id']}/views", {"settings": {"a": 1}}),
            ("DELETE", f"/scopes/{new_scopes[0]['id']}?moveCardsTo={target}", None),
            ("DELETE", f"/scopes/{new_scopes[1]['id']}", None),
        ]
        counts.append([count_statements(project.ask, *request) for request in requests])
    assert counts[0] == counts[1]
