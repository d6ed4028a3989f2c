"""State: whether the server runs or is about to stop, and how many requests are on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class State:
    """What the handler and whoever stops it tell each other.

    Attributes:
        stopping: Readiness is denied, so that a balancer sends nobody here any more; all else is as before.
        closed: New requests are refused.
        in_flight: Requests that are being answered.
        closing: Called when new requests are refused: what would be answered for ever is to end.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.closed = False
        self.in_flight = 0
        self.closing: list[Callable[[], None]] = []
        self._idle: asyncio.Event | None = None

    def begin(self) -> None:
        """A request is being answered."""
        self.in_flight += 1

    def end(self) -> None:
        """It has been."""
        self.in_flight -= 1
        if self._idle is not None and not self.in_flight:
            self._idle.set()

    def close(self) -> None:
        """Refuse new requests, and end what would go on."""
        self.stopping = self.closed = True
        for end in self.closing:
            end()

    async def idle(self, patience: float) -> bool:
        """Refuse new requests, and wait until those that are here are answered.

        Args:
            patience: For how many seconds at most.

        Returns:
            Whether all have been.
        """
        self.close()
        if self.in_flight:
            self._idle = asyncio.Event()
            try:
                await asyncio.wait_for(self._idle.wait(), patience)
            except TimeoutError:
                return False
        return True
