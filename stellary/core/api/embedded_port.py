"""The API in this process, as a port of the SDK."""

from __future__ import annotations

from stellary.contract.port import RawRequest, RawResponse
from stellary.core.api import dispatch
from stellary.core.kernel.unit import Actor
from stellary.core.kernel.units import Units


class EmbeddedPort:
    """The API in this process, with the same routing, authentication and validation as over HTTP."""

    def __init__(self, units: Units, actor: Actor | None) -> None:
        self._units = units
        self._actor = actor

    def send(self, request: RawRequest, /) -> RawResponse:
        """Return the response to a request, in the calling thread."""
        return dispatch.respond(self._units, request, self._actor)

    def stream(self, request: RawRequest, /) -> RawResponse:
        """Return the response to a request for a stream. Reading its blocks waits for events, in the reading thread.

        Raises:
            RuntimeError: The port joins a transaction, which never sees new events of other transactions.
        """
        if self._units.is_joined:
            raise RuntimeError("a port that joins a transaction has no streams")
        return dispatch.respond_in_blocks(self._units, request, self._actor)

    def close(self) -> None:
        """Do nothing: the core stays open until its owner closes it."""
