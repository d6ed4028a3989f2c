"""The asynchronous quickstart: the same names, with ``AsyncStellary``.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/quickstart_async.py``.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from stellary import AsyncStellary
from stellary.contract.cards import Priority
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.projects import Board

TOPICS = ("billing", "search", "login", "export", "mail")
STEPS: dict[str, Priority] = {"Sketch": "high", "Build": "high", "Document": "medium", "Announce": "low"}


async def quickstart(client: AsyncStellary, name: str) -> Board:
    """Set up an organization, a workspace and a board, and work with its cards."""
    await client.organizations.create(name=name.title(), slug=name)
    await client.organization(name).workspaces.create(name="Engineering", slug="eng")
    ws = client.workspace(name, "eng")
    project = await ws.projects.create(name="Q1 Launch", template_id="development")
    board = ws.project(project)
    backlog, todo, doing, _, done = await board.columns.list()

    # Twenty cards, each with a checklist; those that a customer waits for have a label.
    waiting = await board.labels.create(name="customer waits", color="#ef4444")
    in_two_weeks = datetime.now(UTC).date() + timedelta(days=14)
    for topic in TOPICS:
        for step, priority in STEPS.items():
            await board.column(backlog).cards.create(
                title=f"{step} {topic}",
                priority=priority,
                due_date=in_two_weeks,
                label_ids=[waiting.id] if topic == "billing" else [],
                checklist=[AddChecklistItem(title=title) for title in ("Agree on it", "Do it", "Review it")],
            )

    # Move cards to the end of a column, to its top, next to another card. Omitted fields are unchanged; None clears.
    first, second, *remaining = await board.cards.list()
    await board.cards.update(first, column_id=done.id)
    await board.cards.update(second, column_id=doing.id, due_date=None)
    for card in remaining[:4]:
        await board.cards.update(card, column_id=todo.id, order=0)
    await board.cards.update(remaining[4], column_id=todo.id, after=remaining[3].id)

    # Work on a card, and comment on it.
    await board.card(second).checklist.update(second.checklist[0].id, done=True)
    await board.card(second).comments.create(content="The sketch is good, let us build it.")
    return await board.board()


async def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the board."""
    name = f"acme-{uuid4().hex[:8]}"
    async with await AsyncStellary.register(
        url, f"{name}@example.com", "a-long-password", name="Jane Doe"
    ) as client:
        board = await quickstart(client, name)
    print(*(f"{card.key:<10} {card.title:<20} {card.status}" for card in board.cards), sep="\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
