"""Ten everyday tasks with the client, in less than twenty lines.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/ten_tasks.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from uuid import uuid4

from stellary import Stellary, Workspace


def do_ten_tasks(ws: Workspace) -> None:
    """Set up a board in a workspace, and work with its cards."""
    # --8<-- [start:tasks]
    board = ws.project(ws.projects.create(name="Website", template_id="development"))  # 1. create a project
    backlog, _, doing, *_ = board.columns.list()
    waits = board.labels.create(name="customer waits", color="#ef4444")  # 2. create a label
    card = board.cards.create(backlog, title="Login fails", label_ids=[waits.id])  # 3. create a card
    me = ws.members.list()[0].user_id
    board.cards.update(card, assignee_id=me, due_date=date(2027, 3, 1))  # 4. assign it and set a due date
    board.cards.update(card, column_id=doing)  # 5. move it
    board.card(card).comments.create(content="Seen on Safari only.")  # 6. comment on it
    board.card(card).attachments.upload(b"GET /login 500", name="server.log")  # 7. attach a file
    ws.members.invite(email="john@example.com", role="member")  # 8. invite a colleague
    for urgent in board.cards.list(label_id=waits, due_before=date(2027, 6, 30)):  # 9. find cards
        print(urgent.key, urgent.title)
    board.cards.update(board.card("WEB-1"), archived=True)  # 10. archive a card, by its key
    # --8<-- [end:tasks]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        do_ten_tasks(client.workspace(name, "eng"))


if __name__ == "__main__":
    main(*sys.argv[1:])
