"""The board: all that a project shows, in one answer."""


def test_board_has_all_that_the_lists_have(card_api):
    todo, _, done = (column["id"] for column in card_api.columns())
    card_api.cards(todo, "a b")
    card_api.card(done, "c", checklist=[{"title": "x"}])
    board = card_api.ask("GET", "/board")
    assert board["project"] == card_api.ask("GET")
    assert board["columns"] == card_api.columns()
    assert board["cards"] == card_api.list_cards()
    assert board["labels"] == card_api.ask("GET", "/labels")
    assert board["customFields"] == []


def test_board_shows_no_archived_cards(card_api):
    a, _ = card_api.cards(card_api.columns()[0]["id"], "a b")
    card_api.change(a, archived=True)
    assert [(card["title"], card["order"]) for card in card_api.ask("GET", "/board")["cards"]] == [("b", 0)]


def test_board_shows_scopes_with_their_columns(card_api):
    board = card_api.ask("GET", "/board")
    (scope,) = board["scopes"]
    assert scope == {
        "id": board["columns"][0]["scopeId"],
        "projectId": card_api.project["id"],
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


def test_board_lists_members_and_assignees(card_api):
    bob, eve = card_api.world.people("bob eve")
    for person in (bob, eve):
        card_api.world.join(person, card_api.workspace)
    card_api.card(card_api.columns()[0]["id"], assigneeId=bob.id)
    assert card_api.ask("GET", "/board")["members"] == [
        {
            "userId": card_api.person.id,
            "email": "ann@example.com",
            "name": "ann",
            "isMember": True,
            "role": "manager",
        },
        {"userId": bob.id, "email": "bob@example.com", "name": "bob", "isMember": False, "role": None},
    ]


def test_board_lists_members_by_id(card_api):
    for person in (bob := card_api.world.person("bob"), card_api.world.person("eve")):
        card_api.world.join(person, card_api.workspace)
        card_api.ask("POST", "/members", {"email": person.email})
    # PostgreSQL now finds this row after those of the others.
    card_api.world.ask(bob, "PATCH", "/auth/me", {"name": "Robert"})
    ids = [member["userId"] for member in card_api.ask("GET", "/board")["members"]]
    assert ids == sorted(ids)
