"""The state of the server: running or stopping, with the number of requests in flight."""

from __future__ import annotations

from collections.abc import Callable


class State:
    """The state that the handler shares with the code that stops the server.

    Attributes:
        stopping: The server reports that it is not ready, so that a load balancer sends no new requests.
            Everything else works as before.
        closed: No new connections are accepted. Requests on open connections are still answered, each with
            ``Connection: close``.
        in_flight: The number of requests that are being answered.
        closing: Functions that end endless responses when the server closes.
    """

    def __init__(self) -> None:
        self.stopping = False
        self.closed = False
        self.in_flight = 0
        self.closing: list[Callable[[], None]] = []

    def close(self) -> None:
        """End streams, and let each connection close with its next response."""
        self.stopping = self.closed = True
        for end in self.closing:
            end()
