"""Captures: records of finished calls, for the log and for ``client.capture()``."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping

import attrs

from stellary.contract.port import RawRequest, RawResponse

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


RequestHook = Callable[[RawRequest], RawRequest | None]
"""Receives each request before it is sent, and may return another one to send instead."""
ResponseHook = Callable[[RawRequest, RawResponse], object]
"""Receives each response with its request."""


class Watch:
    """The open captures of a client, its log and its hooks, which all of its handles share."""

    __slots__ = ("captures", "own_hook", "request_hooks", "response_hooks")

    def __init__(self) -> None:
        self.captures: list[list[Exchange]] = []
        self.request_hooks: list[RequestHook] = []
        self.response_hooks: list[ResponseHook] = []
        self.own_hook: ResponseHook | None = None

    @property
    def idle(self) -> bool:
        return not self.captures and not log.isEnabledFor(logging.DEBUG)

    def with_response_hook(self, hook: ResponseHook) -> Watch:
        """Return a watch with a hook of its own, which shares everything else with this one."""
        watch = copy.copy(self)
        watch.own_hook = hook
        return watch

    def record(self, exchange: Exchange) -> None:
        """Add an exchange to all captures and to the log."""
        for calls in self.captures:
            calls.append(exchange)
        log.debug("%s", exchange)

    def prepare(self, request: RawRequest) -> RawRequest:
        """Return the request that the hooks let through, changed or unchanged."""
        for hook in self.request_hooks:
            request = hook(request) or request
        return request

    def notify(self, request: RawRequest, response: RawResponse) -> None:
        """Pass a response to the hooks.

        Args:
            request: The request, as it was sent.
            response: The response of one attempt.
        """
        for hook in self.response_hooks:
            hook(request, response)
        if self.own_hook is not None:
            self.own_hook(request, response)
