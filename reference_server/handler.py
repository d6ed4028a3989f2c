"""The handler of all requests: from aiohttp to the core and back, so that all responses have the same form."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from reference_server.body import RequestBody, body_limits
from reference_server.files import Files
from reference_server.log import AccessLog, Entry, logged_path
from reference_server.metrics import Metrics
from reference_server.pages.routes import PAGES
from reference_server.request_context import (
    OperationHandler,
    RequestContext,
    build_response,
    create_context,
    parse_bearer,
)
from reference_server.settings import Settings
from reference_server.streams import Streams
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.errors import ApiError, Invalid, MethodNotAllowed, RateLimited, Unauthenticated
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Router
from stellary.contract.wire import Request
from stellary.core import Core
from stellary.core.api import dispatch
from stellary.core.api.dispatch import Answer
from stellary.core.db.errors import convert_unexpected_error, error_response
from stellary.core.http.compression import Compression, find_encoders
from stellary.core.http.cors import Cors
from stellary.core.http.large_reads import ReadKey
from stellary.core.http.password_limits import PasswordLimits
from stellary.core.http.shares import owner_of
from stellary.core.http.state import State
from stellary.core.http.threads import Threads
from stellary.core.http.throttle import GUARDED, Caller, Throttle

_log = logging.getLogger("stellary.server")
CLIENT_GONE = 499
"""The status in the access log of a request whose client disconnected before the response; the same as in nginx."""


class Handler:
    """The handler of an application's requests.

    Args:
        core: The core that answers them.
        settings: The settings of proxies, origins and limits.
        threads: The threads in which the core's units run.
        state: The state of the server.
        system_operations: The handlers of the operations that the server answers without the core.
        access_log: Logs each response; None if there is no log.
        metrics: The metrics that count responses.

    Attributes:
        prefix: The prefix of paths, if the application is part of a host's; empty otherwise.
        files: The uploads and downloads.
        streams: The event streams.
    """

    def __init__(
        self,
        core: Core,
        settings: Settings,
        threads: Threads,
        state: State,
        system_operations: Mapping[str, OperationHandler],
        access_log: AccessLog | None,
        metrics: Metrics,
    ) -> None:
        self.prefix = ""
        self.files = Files(core, threads)
        self.streams = Streams(core, threads)
        self._core = core
        self._threads = threads
        self._state = state
        self._system_operations = system_operations
        self._access_log = access_log
        self._metrics = metrics
        self._proxies = settings.trusted_proxies
        self._cors = Cors(settings.cors_origins)
        self._compression = Compression(find_encoders())
        self._throttle = Throttle(settings.limits)
        self._password_limits = PasswordLimits(settings.limits, core.login_attempts)
        self._router = make_router(system_operations)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request. Raises only ConnectionError and CancelledError."""
        started = time.perf_counter()
        context = create_context(request, self.prefix, self._proxies)
        extra_headers: dict[str, str] = dict(self._cors.headers(context.headers.get("origin")))
        status = CLIENT_GONE
        self._state.begin()
        self._metrics.begin()
        try:
            raw = await self._answer_or_error(context, extra_headers)
            prepared = build_response(raw, context.request_id, extra_headers)
            if self._state.closed or raw.status in (408, 417):
                prepared.force_close()
            if raw.blocks is not None:
                await self.files.send(request, prepared, raw.blocks)
            elif context.stream_start is not None:
                await self.streams.send(request, prepared, context.stream_start)
            status = raw.status
        finally:
            self._state.end()
            seconds = time.perf_counter() - started
            operation = context.match.endpoint.operation if context.match else None
            self._metrics.end(operation, status, seconds)
            if self._access_log is not None:
                self._access_log(self._entry(context, status, seconds))
        return prepared

    async def _answer_or_error(self, context: RequestContext, extra_headers: dict[str, str]) -> RawResponse:
        try:
            return self._cors.preflight(context.method, context.headers) or await self._route(
                context, extra_headers
            )
        except ApiError as error:
            return error_response(error, context.request_id)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - convert_unexpected_error() logs it with its traceback
            return error_response(convert_unexpected_error(error, context.request_id), context.request_id)

    async def _route(self, context: RequestContext, extra_headers: dict[str, str]) -> RawResponse:
        try:
            context.match = match = self._router.match(context.method, context.path)
        except MethodNotAllowed as error:
            error.headers["Allow"] = error.headers["Allow"].replace("GET", "GET, HEAD")
            raise
        system_operation = self._system_operations.get(match.endpoint.operation)
        if system_operation is not None and match.endpoint.resource == "system":
            return await system_operation(context)
        caller = Caller(context.client, _authorization(context))
        extra_headers.update(self._throttle.admit(caller))
        try:
            self._throttle.admit_token(caller)
        except RateLimited:
            if not await self._is_good_token(caller):
                raise
        if system_operation is not None:
            raw = await system_operation(context)
            self._throttle.note_token(caller, raw.status)
            return raw
        if match.endpoint.takes_file:
            answer = await self._find_refusal(context) or await self.files.receive(context)
        else:
            answer = await self._answer_json(context, caller)
        context.actor = answer.actor
        if answer.record is not None:
            reader = answer.actor.user_id if answer.actor else None
            allowed = partial(dispatch.may_read_on, self._core.units, context.to_raw_request())
            context.stream_start = await self.streams.open(answer.record, reader, allowed)
        if match.endpoint.policy.role != "public":
            self._throttle.note_token(caller, answer.status)
        return self._add_prefix(answer)

    async def _is_good_token(self, caller: Caller) -> bool:
        """Return whether a token is valid, although its address has sent too many invalid ones."""
        bearer = parse_bearer(caller.authorization)
        if not bearer:
            return False
        try:
            await self._threads.run("read", lambda: self._core.authenticate(bearer))
        except Unauthenticated:
            return False
        return True

    async def _answer_json(self, context: RequestContext, caller: Caller) -> Answer:
        """Answer a request without a file. A large body is read and inflated only after the caller is admitted."""
        assert context.match is not None
        match, endpoint = context.match, context.match.endpoint
        if endpoint.in_query or (endpoint.policy.role != "public" and "authorization" not in context.headers):
            # There is no body, or the response is a 401 whatever the body contains.
            return await self._run_service(context, caller, context.to_raw_request())
        limits = body_limits(endpoint)
        body = RequestBody(context.request, limits.size)
        small = await body.read_small()
        if small is not None:
            return await self._run_service(context, caller, context.to_raw_request(small))
        refusal = await self._find_refusal(context)
        if refusal is not None:
            return refusal
        await body.read()

        def parse() -> tuple[RawRequest, Request | ApiError]:
            raw = context.to_raw_request(body.inflate())
            return raw, dispatch.read_payload(self._core.units, raw, match, limits.values)

        raw, payload = await self._threads.bodies.run(parse)
        return await self._run_service(context, caller, raw, payload)

    async def _find_refusal(self, context: RequestContext) -> Answer | None:
        """Return the response to a caller who may not send the request, whatever its body is."""
        raw = context.to_raw_request()
        return await self._threads.run(
            "read", lambda: dispatch.find_refusal(self._core.units, raw, context.match)
        )

    def _run_service(
        self,
        context: RequestContext,
        caller: Caller,
        raw: RawRequest,
        payload: Request | ApiError | None = None,
    ) -> asyncio.Future[Answer]:
        assert context.match is not None
        match, operation = context.match, context.match.endpoint.operation

        def answer() -> Answer:
            return dispatch.answer(self._core.units, raw, match=match, payload=payload)

        if match.endpoint.returns_file or match.endpoint.thinks:
            pool = self._threads.files if match.endpoint.returns_file else self._threads.thinking
            return pool.run(answer)
        mode = dispatch.SERVICES[operation].mode
        if operation not in GUARDED:
            if mode == "read":
                accept_encoding = context.headers.get("accept-encoding")
                return self._threads.read(
                    ReadKey(operation, match.ref, "limit=" in raw.query),
                    lambda: self._compression.compress(answer(), accept_encoding),
                )
            return self._threads.run(mode, answer, owner_of(match.ref))

        attempt = self._password_limits.attempt(operation, caller, raw.body)

        def answer_guarded() -> Answer:
            # Checked again when the thread starts it, since concurrent attempts may have failed by then.
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

    def _entry(self, context: RequestContext, status: int, seconds: float) -> Entry:
        endpoint = context.match.endpoint if context.match else None
        return Entry(
            method=context.request.method,
            path=logged_path(context.path, endpoint),
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=context.request_id,
            user_id=context.actor.user_id if context.actor else None,
            token_id=(context.actor.token_id or context.actor.login_id) if context.actor else None,
            client=context.client,
        )


def _authorization(context: RequestContext) -> str | None:
    """Return the ``Authorization`` header.

    Raises:
        Invalid: There are several, so that a proxy may have checked another one than the server would.
    """
    # Few requests repeat a header, and only those are searched.
    sent = context.request.headers
    if len(context.headers) < len(sent) and len(sent.getall("Authorization", ())) > 1:
        raise Invalid("Authorization must be sent once", code="repeated_header")
    return context.headers.get("authorization")


def make_router(system_operations: Mapping[str, OperationHandler]) -> Router:
    """Return a router over the endpoints of the contract.

    Raises:
        RuntimeError: An endpoint has neither a service of the core nor a system operation.
    """
    unserved = (
        {endpoint.operation for endpoint in ENDPOINTS} - system_operations.keys() - dispatch.SERVICES.keys()
    )
    if unserved:
        raise RuntimeError(f"no service for {', '.join(sorted(unserved))}")
    return Router((*ENDPOINTS, *PAGES))
