"""Both clients of the SDK, and the results of their calls."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from stellary import AsyncStellary, Stellary, Workspace

COLOURS = (Stellary, AsyncStellary)


def create_workspace(client: Stellary) -> Workspace:
    """Create the workspace ``acme/eng``, and return its handle."""
    client.organizations.create(name="Acme", slug="acme")
    client.organization("acme").workspaces.create(name="Engineering", slug="eng")
    return client.workspace("acme", "eng")


async def resolve(result: Any) -> Any:
    """Return the result of a call of either client, or all rows of an iterator."""
    if inspect.isawaitable(result):
        return await result
    if hasattr(result, "__aiter__"):
        return [row async for row in result]
    return list(result) if hasattr(result, "__next__") else result


async def advance(rows: Any) -> Any:
    """Return the next row of an iterator of either client."""
    return await anext(rows) if hasattr(rows, "__anext__") else next(rows)


def run_client(client: Any, call: Callable[[Any], Any]) -> Any:
    """Call a client of either class, close it, and return the result of the call."""

    async def run() -> Any:
        try:
            return await resolve(call(client))
        finally:
            await resolve(client.close())

    return asyncio.run(run())
