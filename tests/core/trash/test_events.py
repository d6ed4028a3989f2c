"""The activities of restorations: they contain what comes back, with its place."""

import pytest


def list_new_activities(trash_api, do):
    """Return the activities of the project that a call records, in order."""
    before = trash_api.ask("GET", "/activity?limit=1")[0]["id"]
    do()
    activities = trash_api.ask("GET", "/activity?limit=500")
    return [activity for activity in reversed(activities) if activity["id"] > before]


def test_restored_scope_has_an_activity_for_each_column_and_card(trash_api):
    body = {"name": "Later", "columns": [{"name": "First"}, {"name": "Last"}]}
    scope = trash_api.ask("POST", "/scopes", body)
    column_id = scope["columns"][1]["id"]
    cards = [
        trash_api.ask("POST", f"/columns/{column_id}/cards", {"title": title}) for title in ("a", "b", "c")
    ]
    trash_api.ask("PATCH", f"/cards/{cards[0]['id']}", {"archived": True})
    trash_api.ask("DELETE", f"{trash_api.project.workspace.path}/scopes/{scope['id']}")
    activities = list_new_activities(trash_api, lambda: trash_api.restore(scope["id"]))
    assert {activity["type"] for activity in activities} == {"item_restored"}
    assert [(activity["entity"], activity["meta"]["name"]) for activity in activities] == [
        ("scope", "Later"),
        ("column", "First"),
        ("column", "Last"),
        ("card", "b"),
        ("card", "c"),
        ("card", "a"),
    ]
    assert [activity["meta"].get("toOrder") for activity in activities[3:]] == [0, 1, None]
    assert activities[4]["meta"]["toColumn"] == "Last"


def test_card_that_returns_to_a_restored_column_is_moved(trash_api):
    second = trash_api.project.column_ids[1]
    waiting = trash_api.ask("POST", "/columns", {"name": "Waiting", "cardStatus": "in_progress"})["id"]
    card = trash_api.ask("POST", f"/columns/{waiting}/cards", {"title": "a"})
    trash_api.ask("DELETE", f"/columns/{waiting}?moveCardsTo={second}")
    restored, moved = list_new_activities(trash_api, lambda: trash_api.restore(waiting))
    assert (restored["type"], restored["entity"]) == ("item_restored", "column")
    assert (moved["type"], moved["cardId"]) == ("card_moved", card["id"])
    assert moved["meta"]["toOrder"] == 0
    assert (moved["meta"]["fromColumnId"], moved["meta"]["toColumnId"]) == (second, waiting)
    assert moved["changes"][0]["from"] == second


def test_returning_cards_notify_no_one(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    bob = world.member("bob", workspace)
    first, second, _ = trash_api.project.column_ids
    trash_api.card(column=1, assigneeId=bob.id)
    trash_api.ask("DELETE", f"/columns/{second}?moveCardsTo={first}")
    before = world.ask(bob, "GET", "/notifications")
    trash_api.restore(second)
    assert world.ask(bob, "GET", "/notifications") == before


@pytest.mark.parametrize("count", [2, 501])
def test_label_lists_the_cards_that_lose_it_and_get_it_back(trash_api, count):
    label = trash_api.ask("POST", "/labels", {"name": "urgent"})
    cards = [{"title": "a", "columnId": trash_api.project.column_ids[0], "labelIds": [label["id"]]}] * count
    for first in range(0, count, 500):
        trash_api.ask("POST", "/cards/bulk", {"cards": cards[first : first + 500]})
    delete = f"{trash_api.project.workspace.path}/labels/{label['id']}"
    (deleted,) = list_new_activities(trash_api, lambda: trash_api.ask("DELETE", delete))
    (restored,) = list_new_activities(trash_api, lambda: trash_api.restore(label["id"]))
    for activity, before, after in ((deleted, [label["id"]], []), (restored, [], [label["id"]])):
        assert activity["meta"]["cardCount"] == count
        values = activity["meta"]["values"]
        if count > 500:
            assert values is None
        else:
            assert [(value["from"], value["to"]) for value in values] == [(before, after)] * count
    card = trash_api.ask("GET", "/cards")[0]
    assert (card["version"], card["labelIds"]) == (3, [label["id"]])


def test_new_name_of_a_restored_item_is_recorded(trash_api):
    label = trash_api.ask("POST", "/labels", {"name": "urgent"})
    trash_api.ask("DELETE", f"{trash_api.project.workspace.path}/labels/{label['id']}")
    (restored,) = list_new_activities(trash_api, lambda: trash_api.restore(label["id"], {"name": "soon"}))
    (change,) = restored["changes"]
    assert (change["field"], change["from"], change["to"]) == ("name", "urgent", "soon")


def test_new_key_of_a_restored_project_is_recorded(trash_api):
    key = trash_api.card()["key"].partition("-")[0]
    trash_api.ask("DELETE", "")
    trash_api.restore(trash_api.project.id, {"key": "OTHER"})
    (change,) = trash_api.ask("GET", "/activity?limit=1")[0]["changes"]
    assert (change["field"], change["from"], change["to"]) == ("key", key, "OTHER")
