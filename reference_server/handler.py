"""The handler: one request from aiohttp to the core and back. Every answer leaves through here, in one shape."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from reference_server.body import RequestBody, body_limits
from reference_server.cors import Cors
from reference_server.exchange import Exchange, Own, open_exchange, response
from reference_server.files import Files
from reference_server.log import AccessLog, Entry, logged_path
from reference_server.metrics import Metrics
from reference_server.password_limits import PasswordLimits
from reference_server.settings import Settings
from reference_server.shares import owner_of
from reference_server.state import State
from reference_server.streams import Streams
from reference_server.threads import Threads
from reference_server.throttle import GUARDED, Caller, Throttle
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.errors import ApiError, Invalid, MethodNotAllowed, RateLimited, Unauthenticated
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Router
from stellary.contract.wire import Request
from stellary.core import Core
from stellary.core.api import dispatch
from stellary.core.api.dispatch import Answer
from stellary.core.db.errors import error_response, translated

_log = logging.getLogger("stellary.server")
CLIENT_GONE = 499
"""What the access log says of a request whose client did not wait; as nginx has it."""


class Handler:
    """Answers requests.

    Args:
        core: Decides.
        settings: Proxies, origins and limits are taken from them.
        threads: Where the core's units run.
        state: Says whether connections are kept.
        own: What the server answers by itself, by operation.
        access: Is told of each answer.
        metrics: Counts them.

    Attributes:
        prefix: Of the paths, where the application is part of a host's.
        files: Uploads and downloads.
        streams: What goes on.
    """

    def __init__(
        self,
        core: Core,
        settings: Settings,
        threads: Threads,
        state: State,
        own: Mapping[str, Own],
        access: AccessLog | None,
        metrics: Metrics,
    ) -> None:
        self.prefix = ""
        self.files = Files(core, threads)
        self.streams = Streams(core, threads)
        self._core = core
        self._threads = threads
        self._state = state
        self._own = own
        self._access = access
        self._metrics = metrics
        self._proxies = settings.trusted_proxies
        self._cors = Cors(settings.cors_origins)
        self._throttle = Throttle(settings.limits)
        self._password_limits = PasswordLimits(settings.limits, core.login_attempts)
        self._router = make_router(own)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Raises nothing but the end of the connection or of the task."""
        started = time.perf_counter()
        exchange = open_exchange(request, self.prefix, self._proxies)
        more: dict[str, str] = dict(self._cors.headers(exchange.headers.get("origin")))
        status = CLIENT_GONE
        self._state.begin()
        self._metrics.begin()
        try:
            raw = await self._answer_or_error(exchange, more)
            prepared = response(raw, exchange.request_id, more)
            if self._state.closed or raw.status in (408, 417):
                prepared.force_close()
            if raw.blocks is not None:
                await self.files.send(request, prepared, raw.blocks)
            elif exchange.opening is not None:
                await self.streams.send(request, prepared, exchange.opening)
            status = raw.status
        finally:
            self._state.end()
            seconds = time.perf_counter() - started
            operation = exchange.match.endpoint.operation if exchange.match else None
            self._metrics.end(operation, status, seconds)
            if self._access is not None:
                self._access(self._entry(exchange, status, seconds))
        return prepared

    async def _answer_or_error(self, exchange: Exchange, more: dict[str, str]) -> RawResponse:
        try:
            return self._cors.preflight(exchange.method, exchange.headers) or await self._route(
                exchange, more
            )
        except ApiError as error:
            return error_response(error, exchange.request_id)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the last one: an answer, and a line in the log with the trace
            return error_response(translated(error, exchange.request_id), exchange.request_id)

    async def _route(self, exchange: Exchange, more: dict[str, str]) -> RawResponse:
        try:
            exchange.match = match = self._router.match(exchange.method, exchange.path)
        except MethodNotAllowed as error:
            error.headers["Allow"] = error.headers["Allow"].replace("GET", "GET, HEAD")
            raise
        system_operation = self._own.get(match.endpoint.operation)
        if system_operation is not None and match.endpoint.policy.role == "public":
            return await system_operation(exchange)
        caller = Caller(exchange.client, _authorization(exchange))
        more.update(self._throttle.admit(caller))
        try:
            self._throttle.admit_token(caller)
        except RateLimited:
            if not await self._is_good_token(caller):
                raise
        if system_operation is not None:
            raw = await system_operation(exchange)
            self._throttle.note_token(caller, raw.status)
            return raw
        if match.endpoint.takes_file:
            answer = await self.files.receive(exchange)
        else:
            answer = await self._answer_json(exchange, caller)
        exchange.actor = answer.actor
        if answer.record is not None:
            reader = answer.actor.user_id if answer.actor else None
            allowed = partial(dispatch.may_read_on, self._core.units, exchange.raw())
            exchange.opening = await self.streams.open(answer.record, reader, allowed)
        if match.endpoint.policy.role != "public":
            self._throttle.note_token(caller, answer.status)
        return self._add_prefix(answer)

    async def _is_good_token(self, caller: Caller) -> bool:
        """Return whether a token is good that comes from an address from which too many bad ones came."""
        scheme, _, bearer = (caller.authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            await self._threads.run("read", lambda: self._core.authenticate(bearer.strip()))
        except Unauthenticated:
            return False
        return True

    async def _answer_json(self, exchange: Exchange, caller: Caller) -> Answer:
        """Answer a request that brings no file. The caller is admitted before a large body is read or inflated."""
        assert exchange.match is not None
        match, endpoint = exchange.match, exchange.match.endpoint
        if endpoint.in_query or (
            endpoint.policy.role != "public" and "authorization" not in exchange.headers
        ):
            # There is no body, or it will be a 401 whatever the body says.
            return await self._run_service(exchange, caller, exchange.raw())
        limits = body_limits(endpoint)
        body = RequestBody(exchange.request, limits.size)
        small = await body.read_small()
        if small is not None:
            return await self._run_service(exchange, caller, exchange.raw(small))
        head = exchange.raw()
        refused = await self._threads.run(
            "read", lambda: dispatch.find_refusal(self._core.units, head, match)
        )
        if refused is not None:
            return refused
        await body.read()

        def parse() -> tuple[RawRequest, Request | ApiError]:
            raw = exchange.raw(body.inflate())
            return raw, dispatch.read_payload(self._core.units, raw, match, limits.values)

        raw, payload = await self._threads.bodies.run(parse)
        return await self._run_service(exchange, caller, raw, payload)

    def _run_service(
        self, exchange: Exchange, caller: Caller, raw: RawRequest, payload: Request | ApiError | None = None
    ) -> asyncio.Future[Answer]:
        assert exchange.match is not None
        match, operation = exchange.match, exchange.match.endpoint.operation

        def answer() -> Answer:
            return dispatch.answer(self._core.units, raw, match=match, payload=payload)

        if match.endpoint.returns_file or match.endpoint.thinks:
            pool = self._threads.files if match.endpoint.returns_file else self._threads.thinking
            return pool.run(answer)
        mode = dispatch.SERVICES[operation].mode
        if operation not in GUARDED:
            return self._threads.run(mode, answer, owner_of(match.ref))

        attempt = self._password_limits.attempt(operation, caller, raw.body)

        def answer_guarded() -> Answer:
            # Asked again when its turn has come: of many tries at once only so many are carried out.
            attempt.admit()
            guarded_answer = answer()
            attempt.record(guarded_answer.status)
            return guarded_answer

        attempt.refuse_early()
        return self._threads.run(mode, answer_guarded)

    def _add_prefix(self, answer: Answer) -> RawResponse:
        link = answer.headers.get("link")
        if not self.prefix or link is None:
            return answer
        return RawResponse(
            answer.status, {**answer.headers, "link": link.replace("<", f"<{self.prefix}", 1)}, answer.body
        )

    def _entry(self, exchange: Exchange, status: int, seconds: float) -> Entry:
        endpoint = exchange.match.endpoint if exchange.match else None
        return Entry(
            method=exchange.request.method,
            path=logged_path(exchange.path, endpoint),
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=exchange.request_id,
            user_id=exchange.actor.user_id if exchange.actor else None,
            token_id=(exchange.actor.token_id or exchange.actor.login_id) if exchange.actor else None,
            client=exchange.client,
        )


def _authorization(exchange: Exchange) -> str | None:
    """Return the ``Authorization`` header.

    Raises:
        Invalid: There are several: which of them a proxy has looked at is anybody's guess.
    """
    # Where no header stands twice, as on nearly all requests, there is nothing to look for.
    sent = exchange.request.headers
    if len(exchange.headers) < len(sent) and len(sent.getall("Authorization", ())) > 1:
        raise Invalid("Authorization must be sent once", code="repeated_header")
    return exchange.headers.get("authorization")


def make_router(own: Mapping[str, Own]) -> Router:
    """Return a router over the endpoints of the contract.

    Raises:
        RuntimeError: An endpoint is served neither by a service of the core nor by the server itself.
    """
    unserved = {endpoint.operation for endpoint in ENDPOINTS} - own.keys() - dispatch.SERVICES.keys()
    if unserved:
        raise RuntimeError(f"nobody serves {', '.join(sorted(unserved))}")
    return Router(ENDPOINTS)
