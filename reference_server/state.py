"""State: whether the server runs or is about to stop, and how many requests are on their way."""

from __future__ import annotations

from collections.abc import Callable


class State:
    """What the handler and whoever stops it tell each other.

    Attributes:
        stopping: Readiness is denied, so that a balancer sends nobody here any more; all else is as before.
        closed: No new connections are taken. Requests on those that are kept are still answered, each with
            ``Connection: close``.
        in_flight: Requests that are being answered.
        closing: Called when the server closes: what would be answered for ever is to end.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.closed = False
        self.in_flight = 0
        self.closing: list[Callable[[], None]] = []

    def begin(self) -> None:
        """A request is being answered."""
        self.in_flight += 1

    def end(self) -> None:
        """It has been."""
        self.in_flight -= 1

    def close(self) -> None:
        """Let each connection end with its next answer, and end what would go on."""
        self.stopping = self.closed = True
        for end in self.closing:
            end()
