"""Relations: cards that block each other, and parents with their children.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/relations.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Conflict, Stellary


def relations(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Relate cards of a new project in an existing workspace, and return the relations of one of them."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Payments"))
    to_do, *_ = board.columns.list()
    epic, api, page, old = (
        board.column(to_do).cards.create(title=title)
        for title in ("Pay by card", "Payment API", "Payment page", "Card payments?")
    )

    # --8<-- [start:relate]
    board.card(epic).relations.create(target_card_id=api.id, type="parent_of")
    board.card(epic).relations.create(target_card_id=page.id, type="parent_of")
    board.card(page).relations.create(target_card_id=api.id, type="blocked_by")
    board.card(old).relations.create(target_card_id=epic.id, type="duplicates")
    # --8<-- [end:relate]

    # --8<-- [start:circle]
    try:
        board.card(page).relations.create(target_card_id=api.id, type="blocks")
    except Conflict as error:
        print(error.code)  # relation_cycle: the API already blocks the page
    # --8<-- [end:circle]

    # --8<-- [start:list]
    return [
        f"{page.key} {relation.type} {relation.card.key}" for relation in board.card(page).relations.list()
    ]
    # --8<-- [end:list]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the relations."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*relations(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
