"""Single cards: effects of requests, and refusals."""

from datetime import timedelta

import pytest

from tests.support.each_case import for_each

NOWHERE = "f" * 24


@pytest.fixture
def doing_column(api):
    return api.columns()[1]["id"]


# ---------------------------------------------------------------------------------------------- making


def test_created_card_has_all_given_fields(api, todo_column):
    label = api.ask("GET", "/labels")[0]["id"]
    sent = {"description": "In English", "priority": "high", "assigneeId": api.person.id, "labelIds": [label]}
    dates = {"startDate": "2026-04-01", "dueDate": "2026-04-02T10:00:00+02:00"}
    steps = [{"title": "first"}, {"title": "second", "done": True}]
    card = api.card(todo_column, "Write the spec", checklist=steps, estimate=2.5, **sent, **dates)
    created = card | sent | {"title": "Write the spec", "estimate": 2.5}
    created |= {"key": "QL-1", "number": 1, "order": 0, "archived": False, "status": "open", "version": 1}
    created |= {"startDate": "2026-04-01T00:00:00Z", "dueDate": "2026-04-02T08:00:00Z", "completedAt": None}
    created |= {"projectId": api.project["id"], "columnId": todo_column, "createdById": api.person.id}
    created |= {"customFields": {}, "recurrence": None, "commentCount": 0, "attachmentCount": 0}
    created |= {"scopeId": api.columns()[0]["scopeId"]}
    assert card == created | {"checklistProgress": {"done": 1, "total": 2, "percent": 50}}
    expected = [("first", False, 0), ("second", True, 1)]
    assert [(item["title"], item["done"], item["order"]) for item in card["checklist"]] == expected


def test_numbers_are_never_given_twice(api, todo_column):
    first = api.card(todo_column)
    api.ask("DELETE", f"/cards/{first['id']}")
    assert api.card(todo_column)["key"] == "QL-2"


def test_card_takes_the_status_of_its_column(api, doing_column):
    assert api.card(doing_column)["status"] == "in_progress"


def test_card_keeps_the_status_that_it_names(api, doing_column):
    assert api.card(doing_column, status="open")["status"] == "open"


def test_card_in_a_column_without_a_status_is_open(api):
    assert api.card(api.column("Ideas"))["status"] == "open"


def test_card_that_is_made_done_is_completed(api, done_column):
    card = api.card(done_column)
    assert card["completedAt"] == card["createdAt"]


def test_checklist_is_made_in_the_order_that_it_names(api, todo_column):
    card = api.card(todo_column, checklist=[{"title": "b", "order": 1}, {"title": "a", "order": 0}])
    assert [item["title"] for item in card["checklist"]] == ["a", "b"]


def test_label_that_is_named_twice_hangs_once(api, todo_column):
    label = api.ask("GET", "/labels")[0]["id"]
    assert api.card(todo_column, labelIds=[label, label])["labelIds"] == [label]


def test_organization_owner_can_be_assigned(api, todo_column):
    boss = api.world.person("boss")
    api.world.join_organization(boss, api.workspace.organization, "admin")
    assert api.card(todo_column, assigneeId=boss.id)["assigneeId"] == boss.id


# ---------------------------------------------------------------------------------------------- changing


def test_card_that_becomes_done_is_completed_until_it_is_not(api, todo_column, clock):
    card = api.card(todo_column)["id"]
    clock.advance(timedelta(days=1))
    assert api.change(card, status="done")["completedAt"] == "2026-04-02T12:00:00Z"
    clock.advance(timedelta(days=1))
    assert api.change(card, title="still done")["completedAt"] == "2026-04-02T12:00:00Z"
    assert api.change(card, status="open")["completedAt"] is None


def test_card_that_enters_a_column_takes_its_status(api, todo_column, done_column):
    moved = api.change(api.card(todo_column)["id"], columnId=done_column)
    assert (moved["status"], moved["completedAt"]) == ("done", moved["updatedAt"])


def test_card_that_enters_a_column_keeps_the_status_that_it_names(api, todo_column, done_column):
    assert api.change(api.card(todo_column)["id"], columnId=done_column, status="open")["status"] == "open"


def test_card_that_enters_a_column_without_a_status_keeps_its_own(api, doing_column):
    ideas = api.column("Ideas")
    assert api.change(api.card(doing_column)["id"], columnId=ideas)["status"] == "in_progress"


def test_card_that_moves_within_its_column_keeps_its_status(api, doing_column):
    first, _ = api.cards(doing_column, "a b")
    api.change(first, status="open")
    assert api.change(first, order=1)["status"] == "open"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"startDate": "2026-04-03"}, "startDate must not be after dueDate"),
        ({"dueDate": "2026-03-31"}, "dueDate must not be before startDate"),
        ({"startDate": "2026-05-02", "dueDate": "2026-05-01"}, "startDate must not be after dueDate"),
    ],
)
def test_card_does_not_start_after_it_is_due(api, todo_column, body, message):
    card = api.card(todo_column, startDate="2026-04-01", dueDate="2026-04-02")["id"]
    assert api.error("PATCH", f"/cards/{card}", body) == (400, message)


@for_each("estimate", [0.07, 1.1, 9999.99, 10_000, 0, 4.35])
def test_estimate_is_returned_as_it_was_sent(api, todo_column, estimate):
    card = api.card(todo_column, estimate=estimate)
    assert api.read(card["id"]) == card
    assert card["estimate"] == estimate
    listed = api.ask("GET", f"/cards?filter=estimate={estimate}")
    assert [(item["id"], item["estimate"]) for item in listed] == [(card["id"], estimate)]


@for_each(
    "estimate, message",
    [
        (-1, "estimate must be 0 to 10000"),
        (10_000.01, "estimate must be 0 to 10000"),
        (2.675, "estimate must have at most 2 decimals"),
        ("3", "estimate must be a number"),
        (True, "estimate must be a number"),
    ],
)
def test_estimate_that_is_no_number_of_hundredths_is_refused(api, todo_column, estimate, message):
    answer = api.error("POST", f"/columns/{todo_column}/cards", {"title": "x", "estimate": estimate})
    assert answer == (400, message)


def test_both_dates_can_change_in_one_request(api, todo_column):
    card = api.card(todo_column, startDate="2026-04-01", dueDate="2026-04-02")["id"]
    assert api.change(card, startDate="2026-05-01", dueDate="2026-05-01")["startDate"].startswith("2026-05")


def test_checklist_is_replaced_and_keeps_the_items_that_are_named(api, todo_column):
    card = api.card(todo_column, checklist=[{"title": "a", "done": True}, {"title": "b"}])
    first = card["checklist"][0]["_id"]
    entries = [{"title": "new"}, {"_id": first, "title": "a again", "done": True}]
    items = api.change(card["id"], checklist=entries)["checklist"]
    assert [item["title"] for item in items] == ["new", "a again"]
    assert items[1]["_id"] == first


@pytest.mark.parametrize("twice", [True, False])
def test_checklist_names_each_of_its_items_once(api, todo_column, twice):
    card = api.card(todo_column, checklist=[{"title": "a"}])
    first = card["checklist"][0]["_id"]
    ids = [first, first] if twice else [NOWHERE]
    entries = [{"_id": id, "title": "x"} for id in ids]
    status, message = api.error("PATCH", f"/cards/{card['id']}", {"checklist": entries})
    assert (status, message.split()[0]) == (400, f"checklist[{len(ids) - 1}]._id")


@pytest.mark.parametrize("field", ["before", "after"])
def test_card_does_not_stand_beside_one_of_another_column(api, todo_column, doing_column, field):
    card, other = api.card(todo_column)["id"], api.card(doing_column)["id"]
    assert api.error("PATCH", f"/cards/{card}", {field: other})[0] == 409


def test_card_does_not_stand_beside_one_that_is_archived(api, todo_column):
    card, other = api.cards(todo_column, "a b")
    api.change(other, archived=True)
    assert api.error("PATCH", f"/cards/{card}", {"after": other})[0] == 409


@for_each("field", ["before", "after"])
def test_card_does_not_stand_beside_itself(api, todo_column, field):
    card = api.card(todo_column)["id"]
    assert api.error("PATCH", f"/cards/{card}", {field: card}) == (400, f"{field} must be another card")
    body = {"before": api.card(todo_column)["id"], "after": api.card(todo_column)["id"]}
    assert api.error("PATCH", f"/cards/{card}", body) == (400, "before must not be given together with after")


def test_neighbour_beats_order(api, todo_column):
    a, _, c = api.cards(todo_column, "a b c")
    assert api.change(c, before=a, order=2)["order"] == 0


def test_archived_card_has_no_position(api, todo_column):
    a, b = api.cards(todo_column, "a b")
    assert api.change(a, archived=True, order=1, before=b)["order"] is None
    assert api.titles(todo_column) == "b"


def test_archived_card_with_unknown_neighbour_returns_400(api, todo_column):
    card = api.card(todo_column)["id"]
    body = {"archived": True, "after": NOWHERE}
    assert api.error("PATCH", f"/cards/{card}", body) == (400, "after must be the id of an existing item")


def test_archived_card_can_change_its_column(api, todo_column, done_column):
    card = api.card(todo_column)["id"]
    api.change(card, archived=True)
    moved = api.change(card, columnId=done_column)
    assert (moved["columnId"], moved["order"], moved["archived"]) == (done_column, None, True)
    assert api.change(card, order=2)["order"] is None
    api.ask("DELETE", f"/columns/{todo_column}")
    assert api.change(card, archived=False)["order"] == 0


# ---------------------------------------------------------------------------------------------- limits of columns


def test_full_column_takes_no_card(api, todo_column):
    full = api.column("Full", wipLimit=1)
    inside, outside = api.card(full)["id"], api.card(todo_column)["id"]
    expected = (409, "the column 'Full' is full: it takes 1 cards")
    assert api.error("POST", f"/columns/{full}/cards", {"title": "t"}) == expected
    assert api.error("PATCH", f"/cards/{outside}", {"columnId": full}) == expected
    assert api.error("PATCH", f"/cards/{outside}", {"columnId": full, "order": 0}) == expected
    assert api.error("PATCH", f"/cards/{outside}", {"columnId": full, "before": inside}) == expected
    assert api.titles(todo_column) == "a card"


def test_archived_card_does_not_come_back_to_a_full_column(api):
    full = api.column("Full", wipLimit=1)
    first = api.card(full)["id"]
    api.change(first, archived=True)
    api.card(full)
    assert api.error("PATCH", f"/cards/{first}", {"archived": False})[0] == 409


def test_archived_card_enters_a_full_column_as_archived(api, todo_column):
    full = api.column("Full", wipLimit=1)
    api.card(full)
    assert api.change(api.card(todo_column)["id"], columnId=full, archived=True)["order"] is None


def test_cards_move_within_a_column_that_has_become_too_full(api):
    column = api.column("Full")
    first, _ = api.cards(column, "a b")
    api.ask("PATCH", f"/columns/{column}", {"wipLimit": 1})
    assert api.change(first, order=1)["order"] == 1


# ---------------------------------------------------------------------------------------------- versions


def test_version_is_the_etag(api, todo_column):
    card = api.card(todo_column)["id"]
    answer = api.world.call(api.person, "GET", f"{api.path}/cards/{card}")
    assert answer.headers["etag"] == '"1"'


def test_invalid_fields_are_reported_before_stale_versions(api, todo_column):
    card = api.card(todo_column)["id"]
    assert api.error("PATCH", f"/cards/{card}", {"columnId": NOWHERE}, if_match='"9"')[0] == 400
