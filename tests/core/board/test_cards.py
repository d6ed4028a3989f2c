"""Cards, one at a time: what a request makes of one, and what it is refused for."""

from __future__ import annotations

from datetime import timedelta

import pytest

NOWHERE = "f" * 24


@pytest.fixture
def todo(desk):
    return desk.columns()[0]["id"]


@pytest.fixture
def doing(desk):
    return desk.columns()[1]["id"]


@pytest.fixture
def done(desk):
    return desk.columns()[2]["id"]


# ---------------------------------------------------------------------------------------------- making


def test_card_has_all_that_was_said(desk, todo):
    label = desk.ask("GET", "/labels")[0]["id"]
    made = desk.card(
        todo,
        "Write the spec",
        description="In English",
        priority="high",
        startDate="2026-04-01",
        dueDate="2026-04-02T10:00:00+02:00",
        assigneeId=desk.person.id,
        labelIds=[label],
        checklist=[{"title": "first"}, {"title": "second", "done": True}],
    )
    scope = desk.columns()[0]["scopeId"]
    assert made | {"createdAt": "", "updatedAt": "", "checklist": []} == {
        "id": made["id"],
        "key": "QL-1",
        "number": 1,
        "title": "Write the spec",
        "description": "In English",
        "projectId": desk.project["id"],
        "scopeId": scope,
        "columnId": todo,
        "order": 0,
        "archived": False,
        "status": "open",
        "priority": "high",
        "startDate": "2026-04-01T00:00:00Z",
        "dueDate": "2026-04-02T08:00:00Z",
        "completedAt": None,
        "assigneeId": desk.person.id,
        "createdById": desk.person.id,
        "labelIds": [label],
        "customFields": {},
        "checklist": [],
        "checklistProgress": {"done": 1, "total": 2, "percent": 50},
        "commentCount": 0,
        "attachmentCount": 0,
        "version": 1,
        "createdAt": "",
        "updatedAt": "",
    }
    assert [(item["title"], item["done"], item["order"]) for item in made["checklist"]] == [
        ("first", False, 0),
        ("second", True, 1),
    ]


def test_card_reads_as_it_was_made(desk, todo):
    made = desk.card(todo, description="x", checklist=[{"title": "first"}], dueDate="2026-04-01")
    assert desk.read(made["id"]) == made


def test_numbers_are_never_given_twice(desk, todo):
    first = desk.card(todo)
    desk.ask("DELETE", f"/cards/{first['id']}")
    assert desk.card(todo)["key"] == "QL-2"


def test_card_takes_the_status_of_its_column(desk, doing):
    assert desk.card(doing)["status"] == "in_progress"


def test_card_keeps_the_status_that_it_names(desk, doing):
    assert desk.card(doing, status="open")["status"] == "open"


def test_card_in_a_column_without_a_status_is_open(desk):
    assert desk.card(desk.column("Ideas"))["status"] == "open"


def test_card_that_is_made_done_is_completed(desk, done):
    made = desk.card(done)
    assert made["completedAt"] == made["createdAt"]


def test_checklist_is_made_in_the_order_that_it_names(desk, todo):
    made = desk.card(todo, checklist=[{"title": "b", "order": 1}, {"title": "a", "order": 0}])
    assert [item["title"] for item in made["checklist"]] == ["a", "b"]


def test_label_that_is_named_twice_hangs_once(desk, todo):
    label = desk.ask("GET", "/labels")[0]["id"]
    assert desk.card(todo, labelIds=[label, label])["labelIds"] == [label]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("assigneeId", NOWHERE, "assigneeId"),
        ("assigneeId", "", "assigneeId"),
        ("labelIds", [NOWHERE], "labelIds[0]"),
        ("labelIds", ["x"], "labelIds[0]"),
        ("startDate", "2026-04-03", "startDate"),
        ("title", " ", "title"),
    ],
)
def test_card_is_not_made_of_what_cannot_be(desk, todo, field, value, told):
    body = {"title": "t", "dueDate": "2026-04-02", field: value}
    status, message = desk.error("POST", f"/columns/{todo}/cards", body)
    assert (status, message.split()[0]) == (400, told)
    assert desk.listed() == []


def test_ids_of_others_and_of_nobody_are_told_alike(desk, todo):
    stranger = desk.world.person("stranger")
    body = {"title": "t", "assigneeId": stranger.id}
    assert desk.error("POST", f"/columns/{todo}/cards", body) == desk.error(
        "POST", f"/columns/{todo}/cards", body | {"assigneeId": NOWHERE}
    )


def test_label_of_another_project_is_unknown(desk, todo):
    label = desk.another().ask("GET", "/labels")[0]["id"]
    assert desk.error("POST", f"/columns/{todo}/cards", {"title": "t", "labelIds": [label]})[0] == 400


def test_whoever_leads_the_organization_can_be_assigned(desk, todo):
    boss = desk.world.person("boss")
    desk.world.join_organization(boss, desk.workspace.organization, "admin")
    assert desk.card(todo, assigneeId=boss.id)["assigneeId"] == boss.id


def test_member_of_the_organization_alone_cannot_be_assigned(desk, todo):
    other = desk.world.person("other")
    desk.world.join_organization(other, desk.workspace.organization)
    assert desk.error("POST", f"/columns/{todo}/cards", {"title": "t", "assigneeId": other.id})[0] == 400


@pytest.mark.parametrize("column", [NOWHERE, "x"])
def test_no_card_in_a_column_that_is_not_there(desk, column):
    assert desk.error("POST", f"/columns/{column}/cards", {"title": "t"})[0] == 404


def test_no_card_in_a_column_of_another_project(desk):
    column = desk.another().columns()[0]["id"]
    assert desk.error("POST", f"/columns/{column}/cards", {"title": "t"})[0] == 404


# ---------------------------------------------------------------------------------------------- changing


def test_only_what_is_named_changes(desk, todo):
    clock = desk.world.stop_clock()
    made = desk.card(todo, description="as it was", dueDate="2026-04-01")
    clock.advance(timedelta(seconds=1))
    changed = desk.change(made["id"], title="new")
    assert changed == made | {"title": "new", "version": 2, "updatedAt": "2026-04-01T12:00:01Z"}
    assert desk.read(made["id"]) == changed


@pytest.mark.parametrize("field", ["description", "priority", "startDate", "dueDate", "assigneeId"])
def test_null_clears(desk, todo, field):
    values = {"description": "d", "priority": "low", "startDate": "2026-04-01", "dueDate": "2026-04-02"}
    made = desk.card(todo, **values, assigneeId=desk.person.id)
    assert desk.change(made["id"], **{field: None})[field] is None


@pytest.mark.parametrize("field", ["title", "status", "columnId", "order", "archived", "labelIds"])
def test_null_is_refused_where_nothing_can_be_cleared(desk, todo, field):
    made = desk.card(todo)
    assert desk.error("PATCH", f"/cards/{made['id']}", {field: None})[0] == 400


@pytest.mark.parametrize("body", [{}, {"title": "same"}, {"order": 0}, {"archived": False}])
def test_what_changes_nothing_makes_no_version(desk, todo, body):
    made = desk.card(todo, "same")
    assert desk.ask("PATCH", f"/cards/{made['id']}", body) == made


def test_card_that_becomes_done_is_completed_until_it_is_not(desk, todo):
    clock = desk.world.stop_clock()
    card = desk.card(todo)["id"]
    clock.advance(timedelta(days=1))
    assert desk.change(card, status="done")["completedAt"] == "2026-04-02T12:00:00Z"
    clock.advance(timedelta(days=1))
    assert desk.change(card, title="still done")["completedAt"] == "2026-04-02T12:00:00Z"
    assert desk.change(card, status="open")["completedAt"] is None


def test_card_that_enters_a_column_takes_its_status(desk, todo, done):
    card = desk.card(todo)["id"]
    moved = desk.change(card, columnId=done)
    assert (moved["status"], moved["completedAt"]) == ("done", moved["updatedAt"])


def test_card_that_enters_a_column_keeps_the_status_that_it_names(desk, todo, done):
    assert desk.change(desk.card(todo)["id"], columnId=done, status="open")["status"] == "open"


def test_card_that_enters_a_column_without_a_status_keeps_its_own(desk, doing):
    ideas = desk.column("Ideas")
    assert desk.change(desk.card(doing)["id"], columnId=ideas)["status"] == "in_progress"


def test_card_that_moves_within_its_column_keeps_its_status(desk, doing):
    first, _ = desk.cards(doing, "a b")
    desk.change(first, status="open")
    assert desk.change(first, order=1)["status"] == "open"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"startDate": "2026-04-03"}, "startDate must not be after dueDate"),
        ({"dueDate": "2026-03-31"}, "dueDate must not be before startDate"),
        ({"startDate": "2026-05-02", "dueDate": "2026-05-01"}, "startDate must not be after dueDate"),
    ],
)
def test_card_does_not_start_after_it_is_due(desk, todo, body, told):
    card = desk.card(todo, startDate="2026-04-01", dueDate="2026-04-02")["id"]
    assert desk.error("PATCH", f"/cards/{card}", body) == (400, told)


def test_both_dates_can_move_at_once(desk, todo):
    card = desk.card(todo, startDate="2026-04-01", dueDate="2026-04-02")["id"]
    assert desk.change(card, startDate="2026-05-01", dueDate="2026-05-01")["startDate"].startswith("2026-05")


def test_checklist_is_replaced_and_keeps_the_items_that_are_named(desk, todo):
    card = desk.card(todo, checklist=[{"title": "a", "done": True}, {"title": "b"}])
    first = card["checklist"][0]["_id"]
    entries = [{"title": "new"}, {"_id": first, "title": "a again", "done": True}]
    found = desk.change(card["id"], checklist=entries)["checklist"]
    assert [item["title"] for item in found] == ["new", "a again"]
    assert found[1]["_id"] == first


@pytest.mark.parametrize("twice", [True, False])
def test_checklist_names_each_of_its_items_once(desk, todo, twice):
    card = desk.card(todo, checklist=[{"title": "a"}])
    first = card["checklist"][0]["_id"]
    ids = [first, first] if twice else [NOWHERE]
    entries = [{"_id": id, "title": "x"} for id in ids]
    status, message = desk.error("PATCH", f"/cards/{card['id']}", {"checklist": entries})
    assert (status, message.split()[0]) == (400, f"checklist[{len(ids) - 1}]._id")


@pytest.mark.parametrize("field", ["columnId", "before", "after", "assigneeId"])
def test_unknown_ids_in_a_change_are_one_400(desk, todo, field):
    card = desk.card(todo)["id"]
    messages = {desk.error("PATCH", f"/cards/{card}", {field: id}) for id in (NOWHERE, "", "x")}
    assert messages == {(400, f"{field} must be the id of something that is there")}


def test_column_of_another_project_is_unknown(desk, todo):
    card = desk.card(todo)["id"]
    column = desk.another().columns()[0]["id"]
    assert desk.error("PATCH", f"/cards/{card}", {"columnId": column})[0] == 400


def test_card_of_another_project_is_unknown_beside(desk, todo):
    card = desk.card(todo)["id"]
    other = desk.another()
    stranger = other.card(other.columns()[0]["id"])["id"]
    assert desk.error("PATCH", f"/cards/{card}", {"before": stranger})[0] == 400


@pytest.mark.parametrize("field", ["before", "after"])
def test_card_does_not_stand_beside_one_of_another_column(desk, todo, doing, field):
    card, other = desk.card(todo)["id"], desk.card(doing)["id"]
    assert desk.error("PATCH", f"/cards/{card}", {field: other})[0] == 409


def test_card_does_not_stand_beside_one_that_is_archived(desk, todo):
    card, other = desk.cards(todo, "a b")
    desk.change(other, archived=True)
    assert desk.error("PATCH", f"/cards/{card}", {"after": other})[0] == 409


def test_card_does_not_stand_beside_itself(desk, todo):
    card = desk.card(todo)["id"]
    assert desk.error("PATCH", f"/cards/{card}", {"after": card}) == (400, "after must be another card")


def test_card_stands_beside_one_other_at_a_time(desk, todo):
    a, b, c = desk.cards(todo, "a b c")
    assert desk.error("PATCH", f"/cards/{a}", {"before": b, "after": c})[0] == 400


def test_neighbour_beats_order(desk, todo):
    a, _, c = desk.cards(todo, "a b c")
    assert desk.change(c, before=a, order=2)["order"] == 0


def test_archived_card_stands_nowhere_whatever_place_it_names(desk, todo):
    a, b = desk.cards(todo, "a b")
    assert desk.change(a, archived=True, order=1, before=b)["order"] is None
    assert desk.titles(todo) == "b"


def test_archived_card_names_no_neighbour_that_is_not_there(desk, todo):
    card = desk.card(todo)["id"]
    body = {"archived": True, "after": NOWHERE}
    told = (400, "after must be the id of something that is there")
    assert desk.error("PATCH", f"/cards/{card}", body) == told


def test_archived_card_can_change_its_column(desk, todo, done):
    card = desk.card(todo)["id"]
    desk.change(card, archived=True)
    moved = desk.change(card, columnId=done)
    assert (moved["columnId"], moved["order"], moved["archived"]) == (done, None, True)
    desk.ask("DELETE", f"/columns/{todo}")
    assert desk.change(card, archived=False)["order"] == 0


# ---------------------------------------------------------------------------------------------- limits of columns


def test_full_column_takes_no_card(desk, todo):
    full = desk.column("Full", wipLimit=1)
    inside, outside = desk.card(full)["id"], desk.card(todo)["id"]
    told = (409, "the column 'Full' is full: it takes 1 cards")
    assert desk.error("POST", f"/columns/{full}/cards", {"title": "t"}) == told
    assert desk.error("PATCH", f"/cards/{outside}", {"columnId": full}) == told
    assert desk.error("PATCH", f"/cards/{outside}", {"columnId": full, "order": 0}) == told
    assert desk.error("PATCH", f"/cards/{outside}", {"columnId": full, "before": inside}) == told
    assert desk.titles(todo) == "a card"


def test_archived_card_does_not_come_back_to_a_full_column(desk):
    full = desk.column("Full", wipLimit=1)
    first = desk.card(full)["id"]
    desk.change(first, archived=True)
    desk.card(full)
    assert desk.error("PATCH", f"/cards/{first}", {"archived": False})[0] == 409


def test_archived_card_enters_a_full_column_as_archived(desk, todo):
    full = desk.column("Full", wipLimit=1)
    desk.card(full)
    card = desk.card(todo)["id"]
    assert desk.change(card, columnId=full, archived=True)["order"] is None


def test_cards_move_within_a_column_that_has_become_too_full(desk):
    column = desk.column("Full")
    first, _ = desk.cards(column, "a b")
    desk.ask("PATCH", f"/columns/{column}", {"wipLimit": 1})
    assert desk.change(first, order=1)["order"] == 1


# ---------------------------------------------------------------------------------------------- versions


def test_stale_version_changes_and_deletes_nothing(desk, todo):
    card = desk.card(todo)["id"]
    desk.change(card, title="second")
    path = f"/cards/{card}"
    assert desk.error("PATCH", path, {"title": "third"}, if_match='"1"')[0] == 412
    assert desk.error("DELETE", path, if_match='"1"')[0] == 412
    assert desk.read(card)["title"] == "second"


def test_current_version_changes(desk, todo):
    card = desk.card(todo)["id"]
    assert desk.ask("PATCH", f"/cards/{card}", {"title": "t"}, if_match='"1"')["version"] == 2


def test_version_is_the_etag(desk, todo):
    card = desk.card(todo)["id"]
    answer = desk.world.call(desk.person, "GET", f"{desk.path}/cards/{card}")
    assert answer.headers["etag"] == '"1"'


def test_what_cannot_be_is_told_before_what_is_stale(desk, todo):
    card = desk.card(todo)["id"]
    assert desk.error("PATCH", f"/cards/{card}", {"columnId": NOWHERE}, if_match='"9"')[0] == 400


# ---------------------------------------------------------------------------------------------- deleting


def test_deleted_card_is_gone(desk, todo):
    card = desk.card(todo)["id"]
    assert desk.ask("DELETE", f"/cards/{card}") == {"ok": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert desk.error(method, f"/cards/{card}")[0] == 404


def test_deleting_a_card_closes_the_gap(desk, todo):
    _, b, _ = desk.cards(todo, "a b c")
    desk.ask("DELETE", f"/cards/{b}")
    assert desk.titles(todo) == "a c"


def test_card_of_another_project_is_not_found(desk, todo):
    card = desk.card(todo)["id"]
    other = desk.another()
    assert other.error("GET", f"/cards/{card}") == other.error("GET", f"/cards/{NOWHERE}")


def test_comment_on_a_card_that_is_not_there(desk):
    path = f"/cards/{NOWHERE}/comments/{NOWHERE}"
    assert desk.error("PATCH", path, {"content": "x"}) == (404, "Card not found")


def test_stranger_sees_no_card(desk, todo):
    card = desk.card(todo)["id"]
    stranger = desk.world.person("stranger")
    for method in ("GET", "PATCH", "DELETE"):
        assert desk.world.status(stranger, method, f"{desk.path}/cards/{card}") == 404
