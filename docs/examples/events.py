"""Events: follow a workspace, and resume after a restart.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/events.py``.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import uuid4

from stellary import AsyncStellary, Stellary


def follow(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Print events until a card is archived."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Launch"))
    to_do, _, done = board.columns.list()
    lines: list[str] = []

    # --8<-- [start:follow]
    with ws.events() as events:
        card = board.columns(to_do).cards.create(title="Write the spec")
        board.cards.update(card, column_id=done.id)
        for activity in events:
            lines.append(f"{activity.actor_name}: {activity.type} {activity.meta['cardKey']}")
            if activity.type == "card_moved":
                break
    last_event_id = events.last_event_id
    # --8<-- [end:follow]

    # --8<-- [start:resume]
    board.cards.update(card, archived=True)
    with ws.events(last_event_id=last_event_id) as events:
        activity = next(events)
        lines.append(f"missed while disconnected: {activity.type}")
    # --8<-- [end:resume]
    return lines


# --8<-- [start:awaiting]
async def first_of(client: AsyncStellary, organization: str, workspace: str, type: str) -> str:
    """Return the first event of a type since the workspace was created; wait for it if necessary."""
    async with client.workspace(organization, workspace).events(last_event_id="0") as events:
        async for activity in events:
            if activity.type == type:
                return activity.id
    raise LookupError(type)


# --8<-- [end:awaiting]


def main(url: str) -> None:
    email, password = f"jane-{uuid4().hex[:8]}@example.com", "a-long-password"
    with Stellary.register(url, email, password, name="Jane Doe") as client:
        organization = f"acme-{uuid4().hex[:8]}"
        client.organizations.create(name="Acme", slug=organization)
        client.organization(organization).workspaces.create(name="Engineering", slug="eng")
        print(*follow(client, organization, "eng"), sep="\n")

    async def wait() -> None:
        async with await AsyncStellary.login(url, email, password) as client:
            print(await first_of(client, organization, "eng", "card_moved"))

    asyncio.run(wait())


if __name__ == "__main__":
    main(*sys.argv[1:] or ["http://localhost:3001"])
