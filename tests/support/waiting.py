"""Waiting for what another thread or process does."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

SECONDS = 30.0


def wait_until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was never true"
        time.sleep(0.01)


def knows_peers(core: Any) -> bool:
    """Return whether a core has found out that there are others on its database."""
    return core.relay._has_met_peers


async def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, in an event loop."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)
