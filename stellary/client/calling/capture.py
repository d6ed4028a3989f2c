"""Watching: each exchange as a value, for the log and for whoever captures."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

log = logging.getLogger("stellary.client")


@attrs.frozen
class Exchange:
    """One call as it went, without bodies and without the token.

    Attributes:
        operation: ``resource.verb``, as in the contract.
        method, path: The request; a secret in the path is left out.
        query: As it was sent.
        status: Of the last answer; None if there was none.
        headers: Of the last answer, with lower-case names.
        request_id: Its ``X-Request-Id``.
        tries: How often it was sent.
        ms: How long it took, pauses included.
        error: The error that was raised, in one line; None if there was none.
    """

    operation: str
    method: str
    path: str
    query: str
    status: int | None
    headers: Mapping[str, str] = attrs.field(repr=False)
    request_id: str | None
    tries: int
    ms: float
    error: str | None = None

    def __str__(self) -> str:
        end = self.status if self.status is not None else "no answer"
        more = f", {self.tries} tries" if self.tries > 1 else ""
        named = f", request {self.request_id}" if self.request_id else ""
        return f"{self.method} {self.path} {end} in {self.ms:.0f} ms{more}{named}"


class Watch:
    """Who wants to know of the exchanges of a client: the lists of its open captures, and the log."""

    __slots__ = ("captures",)

    def __init__(self) -> None:
        self.captures: list[list[Exchange]] = []

    @property
    def idle(self) -> bool:
        return not self.captures and not log.isEnabledFor(logging.DEBUG)

    def saw(self, exchange: Exchange) -> None:
        """Tell everybody."""
        for calls in self.captures:
            calls.append(exchange)
        log.debug("%s", exchange)
