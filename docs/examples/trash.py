"""Trash: delete cards and labels, find them in the trash, and restore them.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/trash.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Conflict, Stellary


def restore_deleted(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Delete a card and a label of a new project, restore both, and return the titles of the cards."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Payments"))
    to_do, *_ = board.columns.list()
    card = board.column(to_do).cards.create(title="Pay by card")
    label = board.labels.create(name="Urgent")

    # --8<-- [start:list]
    board.card(card).delete()
    for item in ws.trash.list(kind="card"):
        print(item.key, item.name, item.deleted_by_name, item.expires_at)
    print(len(board.trash.list()))  # only the items of this project: 1
    # --8<-- [end:list]

    # --8<-- [start:restore]
    item, *_ = ws.trash.list(kind="card", limit=1)
    ws.trash.restore(item)
    # --8<-- [end:restore]

    # --8<-- [start:name]
    board.labels.delete(label)
    board.labels.create(name="Urgent")
    item, *_ = ws.trash.list(kind="label")
    try:
        ws.trash.restore(item)
    except Conflict as error:
        print(error.code)  # duplicate_name
        ws.trash.restore(item, name="Urgent (old)")
    # --8<-- [end:name]

    # --8<-- [start:purge]
    board.labels.delete(label)
    item, *_ = ws.trash.list(kind="label")
    ws.trash.delete(item)
    # --8<-- [end:purge]
    return [card.title for card in board.cards.list()]


def restore_workspace(client: Stellary, organization: str) -> str:
    """Delete a workspace, restore it under another slug, and return the slug."""
    ws = client.organization(organization).workspaces.create(name="Research", slug="research")

    # --8<-- [start:containers]
    client.workspace(organization, "research").delete()
    for item in client.trash.list():
        print(item.kind, item.name, item.slug, item.expires_at)

    item, *_ = client.trash.list(limit=1)
    client.trash.restore(item, slug="research-2")
    # --8<-- [end:containers]
    assert item.item_id == ws.id
    return client.workspace(organization, "research-2").get().slug


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the cards."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*restore_deleted(client, name, "eng"), sep="\n")
        print(restore_workspace(client, name))


if __name__ == "__main__":
    main(*sys.argv[1:])
