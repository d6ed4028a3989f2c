"""Cards in the trash: what is restored with them, and to which place."""


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
        restored = trash_api.restore(item_id)
        assert (restored["itemId"], restored["place"]) == (item_id, expected)
    assert (restored["kind"], restored["key"]) == ("card", card["key"])
    trash_api.ask("DELETE", path)
    trash_api.ask("DELETE", f"/columns/{column['id']}")
    assert trash_api.restore(column["id"])["place"] == f'scope "{scope}"'
    trash_api.ask("DELETE", f"/columns/{column['id']}")
    next_column = trash_api.ask("GET", "/columns")[0]["name"]
    assert trash_api.restore(card["id"])["place"] == f'column "{next_column}" of "{scope}"'
