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
def card(api, todo_column):
    label = api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})["id"]
    field = api.ask("POST", "/custom-fields", {"name": "Size", "type": "number", "required": True})["id"]
    return api.card(
        todo_column,
        "Report",
        description="All of it",
        priority="high",
        status="in_progress",
        estimate=2.5,
        startDate="2026-03-20",
        dueDate="2026-03-27",
        labelIds=[label],
        assigneeId=api.person.id,
        customFields={field: 3},
        checklist=[{"title": "Write", "done": True}, {"title": "Send"}],
    )


def test_copy_of_a_card_differs_in_its_numbers_and_times(api, card, todo_column):
    copy = api.ask("POST", f"/cards/{card['key']}/duplicate", {})
    assert without_ids(copy) == without_ids(card)
    assert (copy["number"], copy["columnId"], copy["order"]) == (2, todo_column, 1)
    assert copy == api.read(copy["id"])


def test_copy_goes_to_another_column(api, card, done_column):
    copy = api.ask("POST", f"/cards/{card['id']}/duplicate", {"title": "Another", "columnId": done_column})
    assert (copy["title"], copy["columnId"], copy["status"]) == ("Another", done_column, "done")
    assert without_ids(copy, "title", "status") == without_ids(card, "title", "status")


def test_copy_does_not_recur(api, card):
    api.change(card["id"], recurrence={"rule": "FREQ=DAILY"})
    assert api.ask("POST", f"/cards/{card['id']}/duplicate", {})["recurrence"] is None


def test_comments_are_copied_if_asked_for(api, card):
    world, bea = api.world, api.world.person("bea")
    world.join(bea, api.workspace)
    for person in (bea, api.person):
        world.ask(person, "POST", f"{api.path}/cards/{card['id']}/comments", {"content": "Zebras"})
    without = api.ask("POST", f"/cards/{card['id']}/duplicate", {})
    copy = api.ask("POST", f"/cards/{card['id']}/duplicate", {"comments": True})
    assert (without["commentCount"], copy["commentCount"]) == (0, 2)
    before, after = (api.ask("GET", f"/cards/{one['id']}/comments") for one in (card, copy))
    fields = ("authorId", "authorName", "content", "createdAt", "updatedAt")
    assert [{name: comment[name] for name in fields} for comment in after] == [
        {name: comment[name] for name in fields} for comment in before
    ]
    assert {comment["id"] for comment in before}.isdisjoint(comment["id"] for comment in after)
    results = world.ask(api.person, "GET", f"{api.workspace.path}/search?q=zebras")
    assert str(results).count(copy["id"]) >= 1
    # Of the comment on the card, not of its copies.
    types = [notification["activity"]["type"] for notification in world.ask(bea, "GET", "/notifications")]
    assert types.count("comment_added") == 1


def test_copy_of_a_card_keeps_the_limit_of_the_column(api, card, todo_column):
    api.ask("PATCH", f"/columns/{todo_column}", {"wipLimit": 1})
    assert api.error("POST", f"/cards/{card['id']}/duplicate", {})[0] == 409
    assert len(api.ask("GET", "/cards")) == 1


def test_copy_of_a_column_is_beside_it_with_its_cards(api, card, todo_column, done_column):
    api.change(api.card(todo_column, "old", customFields=card["customFields"])["id"], archived=True)
    last = api.card(todo_column, "last", customFields=card["customFields"])
    api.change(last["id"], order=0)
    copy = api.ask("POST", f"/columns/{todo_column}/duplicate", {"name": "Next"})
    assert [column["name"] for column in api.columns()] == ["To Do", "Next", "In Progress", "Done"]
    assert copy == next(column for column in api.columns() if column["id"] == copy["id"])
    cards = [
        [one for one in api.ask("GET", "/cards") if one["columnId"] == id and not one["archived"]]
        for id in (todo_column, copy["id"])
    ]
    before, after = ([without_ids(one) for one in of_column] for of_column in cards)
    assert (before, [one["title"] for one in after]) == (after, ["last", "Report"])


def test_large_column_is_not_copied(api, todo_column):
    api.fill(todo_column, 501)
    expected = (409, "the column has more than 500 cards")
    assert api.error("POST", f"/columns/{todo_column}/duplicate", {}) == expected


@pytest.mark.slow("imports whole projects many times")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_copy_of_a_project_is_exported_alike(api, data):
    file = data.draw(project_files(["ann@example.com"]))
    world, path = api.world, f"{api.workspace.path}/projects"
    source = world.ask(api.person, "POST", f"{path}/import", file)
    copy = world.ask(
        api.person, "POST", f"{path}/{source['id']}/duplicate", {"name": file["project"]["name"]}
    )
    before, after = (
        normalize(world.ask(api.person, "GET", f"{path}/{one['id']}/export")) for one in (source, copy)
    )
    assert after == before | {"project": before["project"] | {"archived": False}}


@pytest.mark.slow("copies a project of several parts")
def test_copy_of_a_large_project_and_of_its_skeleton(api, todo_column):
    api.fill(todo_column, 1100)
    label = api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})
    assert len(api.ask("POST", "/duplicate", {"name": "All"})["cardIds"]) == 1100
    skeleton = api.ask("POST", "/duplicate", {"name": "Skeleton", "content": "skeleton"})
    world, path = api.world, f"{api.workspace.path}/projects/{skeleton['id']}"
    assert world.ask(api.person, "GET", f"{path}/cards") == []
    assert [one["name"] for one in world.ask(api.person, "GET", f"{path}/columns")] == [
        column["name"] for column in api.columns()
    ]
    assert label["name"] in [one["name"] for one in world.ask(api.person, "GET", f"{path}/labels")]
    other = api.another()
    other.fill(other.columns()[0]["id"], 5001)
    assert other.error("POST", "/duplicate", {"name": "More"})[0] == 409
