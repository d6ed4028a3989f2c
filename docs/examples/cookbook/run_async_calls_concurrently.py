"""Run async calls concurrently.

Loads the boards of all projects at the same time with `AsyncStellary`. A client sends at most a hundred requests concurrently. See
[Async](../guides/sdk.md#async).
"""

import asyncio

from stellary import AsyncStellary


async def count_cards(client: AsyncStellary, organization: str, workspace: str) -> dict[str, int]:
    ws = client.workspace(organization, workspace)
    projects = await ws.projects.list()
    boards = await asyncio.gather(*(ws.project(project).board() for project in projects))
    return {board.project.name: len(board.cards) for board in boards}
