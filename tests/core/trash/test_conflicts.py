"""Restoring where something has changed: names that were taken, containers that are gone, people who left."""

import orjson

from tests.support.core_parts import custom_fields
from tests.support.each_case import for_each


def restore_problem(api, item_id, body=None):
    """Return the status, the code and the message of a refused restoration."""
    response = api.world.call(api.person, "POST", f"{api.trash}/{api.entry(item_id)}/restore", body)
    problem = orjson.loads(response.body)
    return response.status, problem.get("code"), problem["message"]


@for_each(
    "path, body, kind",
    [
        ("/labels", {"name": "Urgent"}, "label"),
        ("/custom-fields", {"name": "Urgent", "type": "text"}, "custom field"),
    ],
)
def test_name_that_was_taken_returns_409_and_another_one_can_be_given(trash_api, path, body, kind):
    item = trash_api.ask("POST", path, body)
    trash_api.ask("DELETE", f"{trash_api.project.workspace.path}{path}/{item['id']}")
    trash_api.ask("POST", path, {**body, "name": "URGENT"})
    expected = (409, "duplicate_name", f"the project has a {kind} 'Urgent' already: pass another one as name")
    assert restore_problem(trash_api, item["id"]) == expected
    trash_api.restore(item["id"], {"name": "Urgent 2"})
    assert [other["name"] for other in trash_api.ask("GET", path)][-2:] == ["Urgent 2", "URGENT"]


def test_key_that_was_taken_returns_409_and_another_one_can_be_given(trash_api):
    card = trash_api.card("findable")
    key = card["key"].partition("-")[0]
    assert [listed["key"] for listed in trash_api.ask("GET", "/cards")] == [card["key"]]
    trash_api.ask("DELETE", "")
    trash_api.ask("POST", f"{trash_api.project.workspace.path}/projects", {"name": "another", "key": key})
    message = f"another project of the workspace has the key {key}: pass another one as key"
    assert restore_problem(trash_api, trash_api.project.id) == (409, "duplicate_key", message)
    trash_api.restore(trash_api.project.id, {"key": "OTHER"})
    assert trash_api.ask("GET", f"/cards/{card['id']}")["key"] == "OTHER-1"
    assert [listed["key"] for listed in trash_api.ask("GET", "/cards")] == ["OTHER-1"]
    hits = trash_api.ask("GET", f"{trash_api.project.workspace.path}/search?q=OTHER-1")
    assert [hit["id"] for hit in hits] == [card["id"]]


def test_name_for_an_item_without_unique_names_returns_400(trash_api):
    card = trash_api.card()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    status, _, message = restore_problem(trash_api, card["id"], {"name": "x"})
    assert (status, message) == (400, "name cannot be given for a deleted card")


def test_item_of_a_deleted_project_waits_for_the_project(trash_api):
    card = trash_api.card()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", "")
    entry = trash_api.entry(trash_api.project.id)
    message = f"the project that it belongs to is in the trash: restore {entry} first"
    assert restore_problem(trash_api, card["id"]) == (409, "container_in_trash", message)
    trash_api.restore(trash_api.project.id)
    trash_api.restore(card["id"])
    assert trash_api.ask("GET", f"/cards/{card['id']}")["title"] == card["title"]


def test_number_of_a_deleted_card_is_not_given_again(trash_api):
    card = trash_api.card()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    assert trash_api.card()["number"] == 2
    trash_api.restore(card["id"])
    assert sorted(card["number"] for card in trash_api.ask("GET", "/cards")) == [1, 2]


def test_card_goes_to_the_first_column_of_its_scope_if_its_column_is_gone(trash_api):
    first, second, _ = trash_api.project.column_ids
    other, _, card = trash_api.card("other"), trash_api.card("last"), trash_api.card("moved", 1)
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", f"/columns/{second}")
    trash_api.restore(card["id"])
    restored = trash_api.ask("GET", f"/cards/{card['id']}")
    assert (restored["columnId"], restored["order"]) == (first, 2)
    assert trash_api.ask("GET", f"/cards/{other['id']}")["order"] == 0


def test_card_of_a_deleted_scope_returns_when_the_scope_is_restored(trash_api):
    scope = trash_api.ask("POST", "/scopes", {"name": "Later"})
    column = trash_api.ask("POST", "/columns", {"name": "Ideas", "scopeId": scope["id"]})
    card = trash_api.ask("POST", f"/columns/{column['id']}/cards", {"title": "moved"})
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", f"/scopes/{scope['id']}")
    for item_id, column_id in ((card["id"], trash_api.project.column_ids[0]), (scope["id"], column["id"])):
        trash_api.restore(item_id)
        assert trash_api.ask("GET", f"/cards/{card['id']}")["columnId"] == column_id


def test_full_column_takes_no_restored_card(trash_api):
    card = trash_api.card()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.card()
    trash_api.ask("PATCH", f"/columns/{trash_api.project.column_ids[0]}", {"wipLimit": 1})
    assert restore_problem(trash_api, card["id"])[:2] == (409, "wip_limit")
    assert [item["itemId"] for item in trash_api.items()] == [card["id"]]


def test_project_with_all_fields_takes_no_restored_one(trash_api, monkeypatch):
    field = trash_api.ask("POST", "/custom-fields", {"name": "Size", "type": "text"})
    trash_api.ask("DELETE", f"{trash_api.project.workspace.path}/custom-fields/{field['id']}")
    trash_api.ask("POST", "/custom-fields", {"name": "Weight", "type": "text"})
    monkeypatch.setattr(custom_fields, "FIELDS_MAX", 1)
    assert restore_problem(trash_api, field["id"])[:2] == (409, "custom_fields_full")


def test_member_who_left_is_no_longer_assigned(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    bob = world.member("bob", workspace)
    card = trash_api.card(assigneeId=bob.id)
    trash_api.ask("POST", "/members", {"email": bob.email})
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", "")
    trash_api.ask("DELETE", f"{workspace.path}/members/{bob.id}")
    trash_api.restore(trash_api.project.id)
    trash_api.restore(card["id"])
    assert trash_api.ask("GET", f"/cards/{card['id']}")["assigneeId"] is None
    assert [member["userId"] for member in trash_api.ask("GET", "/members")] == [trash_api.person.id]


def test_relation_that_would_close_a_cycle_is_left_out(trash_api):
    first, second, third = (trash_api.card(title)["id"] for title in ("first", "second", "third"))

    def block(card_id, target_id):
        body = {"targetCardId": target_id, "type": "blocks"}
        return trash_api.status("POST", f"/cards/{card_id}/relations", body)

    assert (block(first, second), block(second, third)) == (201, 201)
    trash_api.ask("DELETE", f"/cards/{second}")
    assert block(third, first) == 201
    trash_api.restore(second)
    relations = {
        (card_id, relation["type"], relation["targetCardId"])
        for card_id in (first, second, third)
        for relation in trash_api.ask("GET", f"/cards/{card_id}/relations")
        if relation["type"] == "blocks"
    }
    assert (third, "blocks", first) in relations
    assert len(relations) == 2


def test_comment_can_be_restored_only_by_its_author_the_one_who_deleted_it_and_admins(trash_api):
    world, workspace = trash_api.world, trash_api.project.workspace
    ann = trash_api.person
    bob, cid = world.people("bob cid")
    for person in (bob, cid):
        world.join(person, workspace)
    card = trash_api.card()
    comments = f"{trash_api.project.path}/cards/{card['id']}/comments"
    for restorer in (bob, ann):
        comment = world.ask(bob, "POST", comments, {"content": "Well."})
        trash_api.ask("DELETE", f"{comments}/{comment['id']}")
        path = f"{trash_api.trash}/{trash_api.entry(comment['id'])}"
        assert world.status(cid, "POST", f"{path}/restore") == 403
        assert world.status(cid, "DELETE", path) == 403
        assert world.status(restorer, "POST", f"{path}/restore") == 200


def test_restoring_is_recorded_as_an_activity(trash_api):
    card = trash_api.card("findable")
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.restore(card["id"])
    activity, *_ = trash_api.ask("GET", "/activity?limit=1")
    assert (activity["type"], activity["cardId"]) == ("item_restored", card["id"])
    place = {"toColumn": "To Do", "toColumnId": card["columnId"], "toOrder": 0}
    item = {"kind": "card", "itemId": card["id"], "name": "findable", "key": card["key"]}
    assert activity["meta"] == item | place


def test_purging_is_recorded_as_an_activity(trash_api):
    card = trash_api.card("findable")
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", f"{trash_api.trash}/{trash_api.entry(card['id'])}")
    activity, *_ = trash_api.ask("GET", "/activity?limit=1")
    assert (activity["type"], activity["entity"], activity["entityId"]) == ("item_purged", "card", card["id"])
    expected = {"kind": "card", "itemId": card["id"], "name": "purged", "key": card["key"]}
    assert activity["meta"] == expected


def test_trash_is_listed_by_kind_project_and_page(trash_api):
    cards = [trash_api.card(str(number)) for number in range(3)]
    label = trash_api.ask("POST", "/labels", {"name": "x"})
    for card in cards:
        trash_api.ask("DELETE", f"/cards/{card['id']}")
    trash_api.ask("DELETE", f"{trash_api.project.workspace.path}/labels/{label['id']}")
    assert [item["name"] for item in trash_api.items()] == ["x", "2", "1", "0"]
    assert [item["name"] for item in trash_api.items(kind="card", limit="2")] == ["2", "1"]
    assert len(trash_api.items(projectId=trash_api.project.id)) == 4


def test_label_and_value_that_come_back_before_their_card_are_listed(trash_api):
    workspace = trash_api.project.workspace.path
    label = trash_api.ask("POST", "/labels", {"name": "urgent"})
    field = trash_api.ask("POST", "/custom-fields", {"name": "Points", "type": "number"})
    scope = trash_api.ask("POST", "/scopes", {"name": "Later"})
    card = {"title": "a card", "labelIds": [label["id"]], "customFields": {field["id"]: 3}}
    before = trash_api.ask("POST", f"/columns/{scope['columns'][0]['id']}/cards", card)
    trash_api.ask("DELETE", f"{workspace}/labels/{label['id']}")
    trash_api.ask("DELETE", f"{workspace}/custom-fields/{field['id']}")
    (listed,) = trash_api.ask("GET", "/cards")
    assert (listed["labelIds"], listed["customFields"]) == ([], {})
    trash_api.ask("DELETE", f"{workspace}/scopes/{scope['id']}")
    for item in (label, field, scope):
        trash_api.restore(item["id"])
    (after,) = trash_api.ask("GET", "/cards")
    assert (after["labelIds"], after["customFields"]) == (before["labelIds"], before["customFields"])
    assert after["version"] > listed["version"]
