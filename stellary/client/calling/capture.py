"""Captures: records of finished calls, for the log and for ``client.capture()``."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

log = logging.getLogger("stellary.client")


@attrs.frozen
class Exchange:
    """One finished call, without bodies and without the token.

    Attributes:
        operation: ``resource.verb``, as in the contract.
        method, path: The request; a secret in the path is left out.
        query: The query string, as it was sent.
        status: The status of the last response; None if there was none.
        headers: The headers of the last response, with lower-case names.
        request_id: Its ``X-Request-Id``.
        tries: The number of attempts.
        ms: The duration in milliseconds, pauses included.
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
        tries = f", {self.tries} tries" if self.tries > 1 else ""
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.method} {self.path} {end} in {self.ms:.0f} ms{tries}{request}"


class Watch:
    """The open captures of a client, and its log: each exchange is added to all of them."""

    __slots__ = ("captures",)

    def __init__(self) -> None:
        self.captures: list[list[Exchange]] = []

    @property
    def idle(self) -> bool:
        return not self.captures and not log.isEnabledFor(logging.DEBUG)

    def record(self, exchange: Exchange) -> None:
        """Add an exchange to all captures and to the log."""
        for calls in self.captures:
            calls.append(exchange)
        log.debug("%s", exchange)
