"""Copies of cards and columns, and of projects by their export."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.board.project_files import normalize, project_files

NEW = ("id", "key", "number", "order", "columnId", "projectId", "createdAt", "updatedAt", "version")


def without_ids(card, *names):
    """Return the fields of a card that a copy has too."""
    left_out = {*NEW, "completedAt", "scopeId", *names}
    items = [(item["title"], item["done"]) for item in card["checklist"]]
    return {**{name: value for name, value in card.items() if name not in left_out}, "checklist": items}


@pytest.fixture
def card(card_api, todo_column):
    label = card_api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})["id"]
    field = card_api.ask("POST", "/custom-fields", {"name": "Size", "type": "number", "required": True})["id"]
    return card_api.card(
        todo_column,
        "Report",
        description="All of it",
        priority="high",
        status="in_progress",
        estimate=2.5,
        startDate="2026-03-20",
        dueDate="2026-03-27",
        labelIds=[label],
        assigneeId=card_api.person.id,
        customFields={field: 3},
        checklist=[{"title": "Write", "done": True}, {"title": "Send"}],
    )


def test_copy_of_a_card_differs_in_its_numbers_and_times(card_api, card, todo_column):
    copy = card_api.ask("POST", f"/cards/{card['key']}/duplicate", {})
    assert without_ids(copy) == without_ids(card)
    assert (copy["number"], copy["columnId"], copy["order"]) == (2, todo_column, 1)
    assert copy == card_api.read(copy["id"])


def test_copy_goes_to_another_column(card_api, card, done_column):
    body = {"title": "Another", "columnId": done_column}
    copy = card_api.ask("POST", f"/cards/{card['id']}/duplicate", body)
    assert (copy["title"], copy["columnId"], copy["status"]) == ("Another", done_column, "done")
    assert without_ids(copy, "title", "status") == without_ids(card, "title", "status")


def test_copy_does_not_recur(card_api, card):
    card_api.change(card["id"], recurrence={"rule": "FREQ=DAILY"})
    assert card_api.ask("POST", f"/cards/{card['id']}/duplicate", {})["recurrence"] is None


def test_comments_are_copied_if_asked_for(card_api, card):
    world, bea = card_api.world, card_api.world.person("bea")
    world.join(bea, card_api.workspace)
    for person in (bea, card_api.person):
        world.ask(person, "POST", f"{card_api.path}/cards/{card['id']}/comments", {"content": "Zebras"})
    without = card_api.ask("POST", f"/cards/{card['id']}/duplicate", {})
    copy = card_api.ask("POST", f"/cards/{card['id']}/duplicate", {"comments": True})
    assert (without["commentCount"], copy["commentCount"]) == (0, 2)
    before, after = (card_api.ask("GET", f"/cards/{one['id']}/comments") for one in (card, copy))
    fields = ("authorId", "authorName", "content", "createdAt", "updatedAt")
    assert [{name: comment[name] for name in fields} for comment in after] == [
        {name: comment[name] for name in fields} for comment in before
    ]
    assert {comment["id"] for comment in before}.isdisjoint(comment["id"] for comment in after)
    results = world.ask(card_api.person, "GET", f"{card_api.workspace.path}/search?q=zebras")
    assert str(results).count(copy["id"]) >= 1
    # Of the comment on the card, not of its copies.
    types = [notification["activity"]["type"] for notification in world.ask(bea, "GET", "/notifications")]
    assert types.count("comment_added") == 1


def test_copy_of_a_card_keeps_the_limit_of_the_column(card_api, card, todo_column):
    card_api.ask("PATCH", f"/columns/{todo_column}", {"wipLimit": 1})
    assert card_api.error("POST", f"/cards/{card['id']}/duplicate", {})[0] == 409
    assert len(card_api.ask("GET", "/cards")) == 1


def test_copy_of_a_column_is_beside_it_with_its_cards(card_api, card, todo_column, done_column):
    card_api.change(card_api.card(todo_column, "old", customFields=card["customFields"])["id"], archived=True)
    last = card_api.card(todo_column, "last", customFields=card["customFields"])
    card_api.change(last["id"], order=0)
    copy = card_api.ask("POST", f"/columns/{todo_column}/duplicate", {"name": "Next"})
    names = [column["name"] for column in card_api.columns()]
    assert names == ["To Do", "Next", "In Progress", "Done"]
    assert copy == next(column for column in card_api.columns() if column["id"] == copy["id"])
    cards = [
        [one for one in card_api.ask("GET", "/cards") if one["columnId"] == id and not one["archived"]]
        for id in (todo_column, copy["id"])
    ]
    before, after = ([without_ids(one) for one in of_column] for of_column in cards)
    assert (before, [one["title"] for one in after]) == (after, ["last", "Report"])


def test_large_column_is_not_copied(card_api, todo_column):
    card_api.fill(todo_column, 501)
    assert card_api.error("POST", f"/columns/{todo_column}/duplicate", {}) == (
        409,
        "the column has more than 500 cards",
    )


@pytest.mark.slow("imports whole projects many times")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_copy_of_a_project_is_exported_alike(card_api, data):
    file = data.draw(project_files(["ann@example.com"]))
    world, path = card_api.world, f"{card_api.workspace.path}/projects"
    source = world.ask(card_api.person, "POST", f"{path}/import", file)
    copy = world.ask(
        card_api.person, "POST", f"{path}/{source['id']}/duplicate", {"name": file["project"]["name"]}
    )
    before, after = (
        normalize(world.ask(card_api.person, "GET", f"{path}/{one['id']}/export")) for one in (source, copy)
    )
    assert after == before | {"project": before["project"] | {"archived": False}}


@pytest.mark.slow("copies a project of several parts")
def test_copy_of_a_large_project_and_of_its_skeleton(card_api, todo_column):
    card_api.fill(todo_column, 1100)
    label = card_api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})
    copy = card_api.ask("POST", "/duplicate", {"name": "All"})
    assert len(copy["cardIds"]) == 1100
    skeleton = card_api.ask("POST", "/duplicate", {"name": "Skeleton", "content": "skeleton"})
    world, path = card_api.world, f"{card_api.workspace.path}/projects/{skeleton['id']}"
    assert world.ask(card_api.person, "GET", f"{path}/cards") == []
    assert [one["name"] for one in world.ask(card_api.person, "GET", f"{path}/columns")] == [
        column["name"] for column in card_api.columns()
    ]
    assert label["name"] in [one["name"] for one in world.ask(card_api.person, "GET", f"{path}/labels")]
    other = card_api.another()
    other.fill(other.columns()[0]["id"], 5001)
    assert other.error("POST", "/duplicate", {"name": "More"})[0] == 409
