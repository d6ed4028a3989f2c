"""Cards in the trash: what is restored with them, and to which place."""


def fill(trash_api):
    """Create a card with everything that a card can have, and return it and the card that it relates to."""
    label = trash_api.ask("POST", "/labels", {"name": "urgent"})
    field = trash_api.ask("POST", "/custom-fields", {"name": "Points", "type": "number"})
    other = trash_api.card("other")
    card = trash_api.card(
        "full",
        description='Ends Ünïcode quotes "and" \\ lines\n.',
        priority="high",
        startDate="2026-04-01",
        dueDate="2026-05-01T12:00:00.123Z",
        assigneeId=trash_api.person.id,
        labelIds=[label["id"]],
        customFields={field["id"]: 8.5},
        checklist=[{"title": "one"}, {"title": "two", "done": True}],
    )
    trash_api.card("last")
    path = f"/cards/{card['id']}"
    trash_api.ask("POST", f"{path}/comments", {"content": "Well."})
    trash_api.attach(card)
    trash_api.ask("POST", f"{path}/relations", {"targetCardId": other["id"], "type": "blocks"})
    trash_api.ask("POST", f"{path}/relations", {"targetCardId": other["id"], "type": "parent_of"})
    return card, other


def test_deleted_and_restored_card_leaves_the_export_equal(trash_api):
    card, _ = fill(trash_api)
    before = trash_api.export()
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    assert trash_api.status("GET", f"/cards/{card['id']}") == 404
    assert [item["title"] for item in trash_api.export()["cards"]] == ["other", "last"]
    restored = trash_api.restore(card["id"])
    assert (restored["kind"], restored["itemId"], restored["key"]) == ("card", card["id"], card["key"])
    assert trash_api.export() == before
    assert trash_api.items() == []


def test_response_says_where_an_item_is_restored_to(trash_api):
    card = trash_api.card("full")
    path = f"/cards/{card['id']}"
    comment = trash_api.ask("POST", f"{path}/comments", {"content": "Well."})
    file = trash_api.attach(card)
    column = next(item for item in trash_api.ask("GET", "/columns") if item["id"] == card["columnId"])
    scope = trash_api.ask("GET", "/scopes")[0]["name"]
    place = f'card {card["key"]} "full"'
    for item_path, item_id, expected in (
        (f"{path}/comments/{comment['id']}", comment["id"], place),
        (f"{path}/attachments/{file['id']}", file["id"], place),
        (path, card["id"], f'column "{column["name"]}" of "{scope}"'),
    ):
        trash_api.ask("DELETE", item_path)
        assert trash_api.items()[0]["place"] is None
        assert trash_api.restore(item_id)["place"] == expected
    trash_api.ask("DELETE", path)
    trash_api.ask("DELETE", f"/columns/{column['id']}")
    assert trash_api.restore(column["id"])["place"] == f'scope "{scope}"'
    trash_api.ask("DELETE", f"/columns/{column['id']}")
    next_column = trash_api.ask("GET", "/columns")[0]["name"]
    assert trash_api.restore(card["id"])["place"] == f'column "{next_column}" of "{scope}"'
