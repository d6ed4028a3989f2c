"""History: what changed on a card, by whom and by what means, and how to take it back.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/history.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Conflict, Stellary


def history(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Change a card, take a change back, and return its history in words."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Launch"))
    to_do, _, done = board.columns.list()
    card = board.column(to_do).cards.create(title="Write the spec")
    board.cards.update(card, column_id=done.id)
    board.cards.update(card, title="Write the manual", priority="high")

    # --8<-- [start:changes]
    for activity in board.activity.list(card_id=card.id):
        for change in activity.changes:
            print(activity.actor_name, change.field, change.from_, "→", change.to, change.names)
    # --8<-- [end:changes]

    # --8<-- [start:card]
    board.card(card).history()  # as the last line of a cell in a notebook, this shows a table
    # --8<-- [end:card]
    assert [activity.type for activity in board.card(card).history(limit=1)] == ["card_updated"]

    # --8<-- [start:undo]
    (latest,) = board.activity.list(card_id=card.id, type="card_updated")
    restored = board.undo(latest)
    print(restored.title)  # Write the spec

    board.cards.update(card, title="Write both")
    try:
        board.undo(latest)
    except Conflict as error:
        print(error.code, error.message)  # changed_since: the title is now "Write both"
    # --8<-- [end:undo]
    assert restored.title == "Write the spec"
    undone = board.activity.list(card_id=card.id, type="card_updated")[1]
    assert undone.via is not None
    assert undone.via.undo is not None

    # --8<-- [start:flow]
    flow = board.flow()
    for column in flow.columns:
        print(column.name, dict(zip(flow.days, column.counts, strict=True)))
    # --8<-- [end:flow]
    assert {column.name: column.counts[-1] for column in flow.columns} == {done.name: 1}
    return [f"{change.field}: {change.from_} → {change.to}" for change in latest.changes]


def list_settings(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Change the workspace, and return what has happened in it and in its organization."""
    ws = client.workspace(organization, workspace)
    # --8<-- [start:admin]
    ws.update(name="Product engineering")
    ws.projects.delete(ws.projects.create(name="Draft"))
    for activity in ws.activity.list(type="project_deleted"):
        print(activity.actor_name, "deleted", activity.meta["name"])
    for activity in ws.activity.list(entity="workspace_member"):
        for change in activity.changes:
            print(activity.actor_name, activity.meta["name"], change.field, change.from_, "→", change.to)
    # --8<-- [end:admin]

    # --8<-- [start:organization]
    for activity in client.organization(organization).activity.list(type="workspace_created"):
        print(activity.actor_name, "created", activity.meta["name"], activity.created_at)
    # --8<-- [end:organization]
    return [activity.type for activity in ws.activity.iterate()]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the history."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*history(client, name, "eng"), sep="\n")
        print(*list_settings(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
