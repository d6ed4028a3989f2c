"""An AI client with the official MCP library: list the tools, then read and write by name.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/mcp_client.py``.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import uuid4

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from stellary import Stellary


async def launch(url: str, token: str, workspace: str) -> list[str]:
    """Create cards in the project Launch, move one, and return the results."""
    # --8<-- [start:connect]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        # --8<-- [end:connect]
        results = [f"{len(tools)} tools"]

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            # --8<-- [start:call]
            result = await client.call_tool(tool, {"workspace": workspace, **arguments})
            if result.is_error:
                results.extend(part.text for part in result.content if part.type == "text")
            # --8<-- [end:call]
            return result.structured_content or {}

        # --8<-- [start:names]
        halls = [{"title": "Book hall A"}, {"title": "Book hall B"}]
        await call("create_cards_bulk", projectId="Launch", cards=halls)
        await call("move_card", cardId="Book hall", targetColumn="Done")  # refused: the error lists both
        moved = await call("move_card", cardId="Book hall B", targetColumn="done")
        # --8<-- [end:names]
        results.append(f"{moved['key']} {moved['title']} is moved")
        hits = await call("search", q="hall")
        results.append(f"{len(hits['items'])} hits")
        return results


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the results."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        client.workspace(name, "eng").projects.create(name="Launch")
        token = client.api_tokens.create(name="AI", scopes=["projects:read", "projects:write"]).token
    print(*asyncio.run(launch(url, token, f"{name}/eng")), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
