"""Showing: render boards, lists and statistics in a notebook, a terminal, and files.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/showing.py``.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from stellary import Stellary
from stellary.client.display import load, view
from stellary.contract.cards import CardInColumn


def showing(client: Stellary, organization: str, workspace: str, folder: Path) -> list[str]:
    """Show a new project in each view, and save the results to a folder."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Launch"))
    to_do, *_ = board.columns.list()
    today = datetime.now(UTC).date()

    # --8<-- [start:progress]
    rows = [f"Answer question {number}" for number in range(1, 131)]
    cards = board.cards.create_all(
        (
            CardInColumn(column_id=to_do.id, title=title, due_date=today + timedelta(days=at // 10 - 2))
            for at, title in enumerate(rows)
        ),
        progress=True,
    )
    # --8<-- [end:progress]
    card = cards[0]

    # --8<-- [start:show]
    board.show()  # the board
    board.show("list")  # or "calendar", "roadmap", "stats"
    board.card(card).show()  # a card with all its details
    board.labels.show()  # a list as a table
    ws.show()  # the status of the projects
    ws.pilotage.show()  # the cockpit
    # --8<-- [end:show]

    # --8<-- [start:view]
    late = [card for card in board.cards.iterate() if card.due_date and card.due_date.date() < today]
    late_view = view(late)  # rendered at the end of a cell
    calendar = view(board.board(), "calendar")
    whole = view(board.board(), most=500)  # the maximum number of cards per column, or table rows
    # --8<-- [end:view]

    # --8<-- [start:keep]
    (folder / "board.html").write_text(whole.page())  # a complete page without external files
    (folder / "roadmap.html").write_text(load(board, "roadmap").page())  # what board.show("roadmap") shows
    mail = calendar.html()  # one element, for your own page
    print(late_view.text(width=60))
    # --8<-- [end:keep]
    return [late_view.title, calendar.kind, f"{mail.count('<td')} days"]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the result."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        with tempfile.TemporaryDirectory() as folder:
            print(*showing(client, name, "eng", Path(folder)), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
