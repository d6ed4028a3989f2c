"""Saved filters: who sees them, their names and orders, their use in lists, and what deletes them."""

from functools import partial
from typing import Any

import pytest

from stellary import Stellary
from stellary.contract import saved_filters as contract
from tests.support.boards import Board, ask, day, error
from tests.support.each_case import for_each
from tests.support.world import Person, at_once

MINE = "assignee = me order by due"


@pytest.fixture
def bob(board: Board) -> Person:
    """Return another member of the workspace, who has a card."""
    bob = board.member("bob")
    board.card("of bob", assigneeId=bob.id, dueDate=day(1))
    board.card("of ann, later", assigneeId=board.owner.id, dueDate=day(3), priority="high")
    board.card("of ann", assigneeId=board.owner.id, dueDate=day(2))
    return bob


def save(
    board: Board, name: str = "Mine", filter: str = MINE, by: Person | None = None, **fields: Any
) -> Any:
    body = {"name": name, "filter": filter, **fields}
    return board.world.ask(by or board.owner, "POST", f"{board.flat}/saved-filters", body)


def names(board: Board, by: Person | None = None, query: str = "") -> list[str]:
    listed = board.world.ask(by or board.owner, "GET", f"{board.flat}/saved-filters{query}")
    return [saved["name"] for saved in listed]


def titles(board: Board, path: str, by: Person | None = None) -> list[str]:
    return [card["title"] for card in board.world.ask(by or board.owner, "GET", path)]


def test_saved_filter_selects_the_cards_of_its_reader_in_each_list(board: Board, bob: Person):
    saved = save(board, "My week", shared=True)
    for path in (f"{board.path}/cards", f"{board.path}/cards?limit=9", f"{board.flat}/cards", "/cards"):
        query = f"{path}{'&' if '?' in path else '?'}saved="
        assert titles(board, f"{query}MY%20week") == ["of ann", "of ann, later"], path
        assert titles(board, f"{query}{saved['id']}", bob) == ["of bob"], path
        assert titles(board, f"{query}My%20week&priority=high") == ["of ann, later"], path
        assert titles(board, f"{query}My%20week&filter=due%20%3E%20%2B2d") == ["of ann, later"], path
        assert titles(board, f"{query}My%20week&sort=-dueDate") == ["of ann, later", "of ann"], path


def test_saved_filter_and_filter_name_different_items(board: Board):
    labels = [board.label(name)["id"] for name in ("Bug", "Urgent")]
    board.card("both", labelIds=labels)
    board.card("one", labelIds=labels[:1])
    save(board, "Urgent ones", "label = Urgent")
    for path in (f"{board.path}/cards", f"{board.flat}/cards"):
        assert titles(board, f"{path}?saved=Urgent%20ones&filter=label%20%3D%20Bug") == ["both"]


def test_filter_of_a_project_selects_its_cards_alone(board: Board, bob: Person):
    other = Board(board.world, board.owner, board.workspace)
    other.card("elsewhere", assigneeId=board.owner.id)
    save(board, "Here", projectId=board.project["id"])
    save(board, "All", "assignee = me")
    assert titles(board, f"{board.flat}/cards?saved=Here") == titles(board, "/cards?saved=Here")
    assert titles(board, "/cards?saved=Here") == ["of ann", "of ann, later"]
    assert len(titles(board, "/cards?saved=All")) == 3
    assert error(board, "GET", f"{other.path}/cards?saved=Here")[0] == 400


def test_sdk_saves_lists_and_uses_filters(board: Board, bob: Person):
    with Stellary.embedded(board.world.core.port(board.owner.actor)) as client:
        ws = client.workspace(board.workspace.organization.slug, board.workspace.slug)
        saved = ws.saved_filters.create(name="My week", filter=MINE)
        assert [item.name for item in ws.saved_filters.iterate(limit=1)] == ["My week"]
        assert ws.saved_filters.update(saved, name="My month").order == 0
        for lists in (client.cards, ws.cards, ws.project(board.project["id"]).cards):
            assert [card.title for card in lists.list(saved="My month")] == ["of ann", "of ann, later"]
        assert ws.saved_filters.delete(saved.id).ok
        assert ws.saved_filters.list() == []


def test_own_filters_are_seen_by_their_owner_alone(board: Board, bob: Person):
    save(board, "Own")
    save(board, "For all", shared=True)
    assert (names(board), names(board, bob)) == (["Own", "For all"], ["For all"])
    path = f"{board.flat}/saved-filters/{save(board, 'Also own')['id']}"
    assert board.world.error(bob, "PATCH", path, {"name": "x"}) == (404, "Saved filter not found")
    assert board.world.error(bob, "GET", "/cards?saved=Own")[0] == 400


def test_shared_filter_of_a_private_project_is_hidden_with_it(board: Board, bob: Person):
    save(board, "Secret", projectId=board.project["id"], shared=True)
    saved = save(board, "Of bob", by=bob, projectId=board.project["id"])
    assert names(board, bob) == ["Of bob", "Secret"]
    ask(board, "PATCH", board.path, {"visibility": "private"})
    assert (names(board), names(board, bob)) == (["Secret"], [])
    for query in ("Secret", saved["id"]):
        assert board.world.error(bob, "GET", f"{board.flat}/cards?saved={query}")[0] == 400
    assert board.world.error(bob, "DELETE", f"{board.flat}/saved-filters/{saved['id']}")[0] == 404
    assert save(board, "Secret", shared=True, by=bob)["name"] == "Secret"
    ask(board, "PATCH", board.path, {"visibility": "workspace"})
    assert len(names(board, bob)) == 3


def test_names_are_unique_in_their_list_regardless_of_case(board: Board, bob: Person):
    save(board, "Mine")
    assert error(board, "POST", f"{board.flat}/saved-filters", {"name": "MINE", "filter": MINE})[0] == 409
    save(board, "Mine", by=bob)
    save(board, "Mine", projectId=board.project["id"])
    shared = save(board, "mine", shared=True)
    status, message = error(board, "GET", "/cards?saved=MINE")
    assert (status, shared["id"] in message, "give an id" in message) == (400, True, True)
    path = f"{board.flat}/saved-filters/{shared['id']}"
    assert error(board, "PATCH", path, {"shared": False}) == (409, "there is a saved filter 'mine' already")
    assert ask(board, "GET", f"{board.flat}/saved-filters")[-1] == shared


def test_filters_have_consecutive_orders(board: Board):
    ids = [save(board, name)["id"] for name in "abc"]
    save(board, "first", order=0)
    assert names(board) == ["first", "a", "b", "c"]
    path = f"{board.flat}/saved-filters"
    ask(board, "PATCH", f"{path}/{ids[2]}", {"order": 1})
    ask(board, "DELETE", f"{path}/{ids[0]}")
    assert ask(board, "PATCH", f"{path}/{ids[1]}", {"shared": True, "order": 7})["order"] == 0
    assert names(board) == ["first", "c", "b"]
    assert [saved["order"] for saved in ask(board, "GET", path)] == [0, 1, 0]
    assert names(board, query="?limit=1") == ["b"]
    unchanged = ask(board, "GET", path)[0]
    assert ask(board, "PATCH", f"{path}/{unchanged['id']}", {"name": "first", "order": 0}) == unchanged


@for_each(
    "fields, message",
    [
        ({"filter": "assignee ="}, "filter must have a value at position 11, not the end"),
        ({"filter": "label = Unknown"}, "'Unknown' is neither"),
        ({"filter": "order by nothing"}, "filter must have"),
        ({"projectId": "f" * 24}, "projectId must be the id of an existing item"),
        ({"name": ""}, "name must be 1 to 100 characters"),
        ({"filter": "x" * 2001}, "filter must be 1 to 2000 characters"),
    ],
)
def test_filter_is_checked_when_it_is_saved(board: Board, fields, message):
    path = f"{board.flat}/saved-filters"
    status, refusal = error(board, "POST", path, {"name": "Mine", "filter": MINE, **fields})
    assert (status, message in refusal) == (400, True), refusal
    saved = save(board, f"Valid {message}")
    status, refusal = error(board, "PATCH", f"{path}/{saved['id']}", fields)
    assert (status, message in refusal) == (400, True), refusal


def test_filter_whose_name_is_gone_is_refused_until_it_exists_again(board: Board, bob: Person):
    label = board.label("Bug")
    card = board.card("broken", labelIds=[label["id"]])
    save(board, "Bugs", "label = bug")
    assert titles(board, "/cards?saved=Bugs") == ["broken"]
    ask(board, "PATCH", f"{board.flat}/labels/{label['id']}", {"name": "Defect"})
    for path in (f"{board.path}/cards", f"{board.flat}/cards", "/cards"):
        status, message = error(board, "GET", f"{path}?saved=Bugs")
        assert status == 400
        assert message.startswith("saved names a filter that is no longer valid: filter must be the id or")
    ask(board, "PATCH", f"{board.flat}/labels/{label['id']}", {"name": "BUG"})
    assert titles(board, "/cards?saved=Bugs") == [card["title"]]


def test_unknown_name_suggests_the_filters_that_the_caller_sees(board: Board, bob: Person):
    save(board, "My week")
    assert "'My week'" in error(board, "GET", "/cards?saved=My%20weak")[1]
    assert board.world.error(bob, "GET", "/cards?saved=My%20weak")[1] == (
        "saved must be the id of an existing item"
    )


def test_leaving_the_workspace_deletes_own_filters_and_keeps_shared_ones(board: Board, bob: Person):
    save(board, "Own", by=bob)
    shared = save(board, "For all", by=bob, shared=True)
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    board.join(bob)
    assert names(board, bob) == ["For all"]
    assert ask(board, "DELETE", f"{board.flat}/saved-filters/{shared['id']}") == {"ok": True}


def test_filters_are_deleted_and_restored_with_their_project(board: Board, bob: Person):
    save(board, "Here", projectId=board.project["id"], shared=True)
    save(board, "Mine", projectId=board.project["id"])
    ask(board, "DELETE", board.path)
    assert names(board) == []
    save(board, "Mine")
    (item,) = ask(board, "GET", f"{board.flat}/trash?kind=project")
    ask(board, "POST", f"{board.flat}/trash/{item['id']}/restore")
    assert sorted(names(board)) == ["Here", "Mine", "Mine"]


def test_number_of_filters_is_limited(board: Board, bob: Person, monkeypatch):
    monkeypatch.setattr("stellary.core.board.saved_filters.OWN_FILTERS_MAX", 2)
    monkeypatch.setattr("stellary.core.board.saved_filters.SHARED_FILTERS_MAX", 1)
    saved = [save(board, name) for name in "ab"]
    save(board, "c", by=bob, shared=True)
    path = f"{board.flat}/saved-filters"
    expected = (409, "a person has at most 2 own saved filters")
    assert error(board, "POST", path, {"name": "c", "filter": MINE}) == expected
    refused = error(board, "PATCH", f"{path}/{saved[0]['id']}", {"shared": True})
    assert refused == (409, "a workspace has at most 1 shared saved filters")
    assert ask(board, "PATCH", f"{path}/{saved[0]['id']}", {"projectId": board.project["id"]})["order"] == 0
    assert (contract.OWN_FILTERS_MAX, contract.SHARED_FILTERS_MAX) == (100, 200)


def test_token_that_is_bound_to_a_project_sees_its_filters_alone(board: Board, bob: Person):
    save(board, "Everywhere", shared=True)
    save(board, "Here", shared=True, projectId=board.project["id"])
    body = {"name": "CI", "scopes": ["projects:read", "projects:write"], "projectIds": [board.project["id"]]}
    token = ask(board, "POST", "/api-tokens", body)["token"]
    listed = board.world.ask(token, "GET", f"{board.flat}/saved-filters")
    assert [saved["name"] for saved in listed] == ["Here"]
    new = {"name": "New", "filter": MINE}
    assert board.world.call(token, "POST", f"{board.flat}/saved-filters", new).status in (400, 403)
    assert board.world.call(token, "GET", f"{board.path}/cards?saved=Everywhere").status == 400


def test_guest_uses_the_shared_filters_of_their_projects(board: Board):
    guest = board.member("guest", role="guest")
    ask(board, "POST", f"{board.path}/members", {"email": "guest@example.com", "role": "viewer"})
    other = Board(board.world, board.owner, board.workspace)
    save(board, "Everywhere", shared=True)
    save(board, "There", shared=True, projectId=other.project["id"])
    save(board, "Here", shared=True, projectId=board.project["id"])
    assert names(board, guest) == ["Here"]
    assert titles(board, "/cards?saved=Here", guest) == []
    for name in ("Everywhere", "There"):
        for path in ("/cards", f"{board.flat}/cards", f"{board.path}/cards"):
            assert board.world.error(guest, "GET", f"{path}?saved={name}")[0] == 400, (name, path)


@pytest.mark.race
def test_filters_that_are_saved_at_once_get_different_orders(board: Board, rounds: int):
    for number in range(rounds):
        at_once(partial(save, board, f"a {number}"), partial(save, board, f"b {number}"))
    orders = [saved["order"] for saved in ask(board, "GET", f"{board.flat}/saved-filters")]
    assert orders == list(range(2 * rounds))
