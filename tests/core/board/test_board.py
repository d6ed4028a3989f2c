"""The board: all that a project shows, in one answer."""


def test_board_has_all_that_the_lists_have(api):
    todo, _, done = (column["id"] for column in api.columns())
    api.cards(todo, "a b")
    api.card(done, "c", checklist=[{"title": "x"}])
    board = api.ask("GET", "/board")
    assert board["project"] == api.ask("GET")
    assert board["columns"] == api.columns()
    assert board["cards"] == api.list_cards()
    assert board["labels"] == api.ask("GET", "/labels")
    assert board["customFields"] == []


def test_board_shows_no_archived_cards(api):
    a, _ = api.cards(api.columns()[0]["id"], "a b")
    api.change(a, archived=True)
    assert [(card["title"], card["order"]) for card in api.ask("GET", "/board")["cards"]] == [("b", 0)]


def test_board_lists_members_and_assignees(api):
    bob, eve = api.world.people("bob eve")
    for person in (bob, eve):
        api.world.join(person, api.workspace)
    api.card(api.columns()[0]["id"], assigneeId=bob.id)
    assert api.ask("GET", "/board")["members"] == [
        {
            "userId": api.person.id,
            "email": "ann@example.com",
            "name": "ann",
            "isMember": True,
            "role": "manager",
        },
        {"userId": bob.id, "email": "bob@example.com", "name": "bob", "isMember": False, "role": None},
    ]


def test_board_lists_members_by_id(api):
    for person in (bob := api.world.person("bob"), api.world.person("eve")):
        api.world.join(person, api.workspace)
        api.ask("POST", "/members", {"email": person.email})
    # PostgreSQL now finds this row after those of the others.
    api.world.ask(bob, "PATCH", "/auth/me", {"name": "Robert"})
    ids = [member["userId"] for member in api.ask("GET", "/board")["members"]]
    assert ids == sorted(ids)
