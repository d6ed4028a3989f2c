"""The board: all that a project shows, in one answer."""

from __future__ import annotations


def test_board_has_all_that_the_lists_have(desk):
    todo, _, done = (column["id"] for column in desk.columns())
    desk.cards(todo, "a b")
    desk.card(done, "c", checklist=[{"title": "x"}])
    board = desk.ask("GET", "/board")
    assert board["project"] == desk.ask("GET")
    assert board["columns"] == desk.columns()
    assert board["cards"] == desk.listed()
    assert board["labels"] == desk.ask("GET", "/labels")
    assert board["customFields"] == []


def test_board_shows_no_archived_cards(desk):
    todo = desk.columns()[0]["id"]
    a, _ = desk.cards(todo, "a b")
    desk.change(a, archived=True)
    assert [(card["title"], card["order"]) for card in desk.ask("GET", "/board")["cards"]] == [("b", 0)]


def test_board_shows_scopes_with_their_columns(desk):
    board = desk.ask("GET", "/board")
    (scope,) = board["scopes"]
    assert scope == {
        "id": board["columns"][0]["scopeId"],
        "projectId": desk.project["id"],
        "name": "Main",
        "description": None,
        "order": 0,
        "isDefault": True,
        "startDate": None,
        "dueDate": None,
        "activeView": "kanban",
        "views": [
            {"type": kind, "settings": {}} for kind in ("kanban", "list", "calendar", "roadmap", "stats")
        ],
        "columns": board["columns"],
        "createdAt": scope["createdAt"],
        "updatedAt": scope["updatedAt"],
    }


def test_board_knows_members_and_whoever_is_assigned(desk):
    bob, eve = desk.world.people("bob eve")
    for person in (bob, eve):
        desk.world.join(person, desk.workspace)
    desk.card(desk.columns()[0]["id"], assigneeId=bob.id)
    assert desk.ask("GET", "/board")["members"] == [
        {"userId": desk.person.id, "email": "ann@example.com", "name": "ann", "isMember": True},
        {"userId": bob.id, "email": "bob@example.com", "name": "bob", "isMember": False},
    ]


def test_board_of_another_workspace_is_not_found(desk):
    stranger = desk.world.person("stranger")
    assert desk.world.status(stranger, "GET", f"{desk.path}/board") == 404
