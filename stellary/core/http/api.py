"""The API over HTTP, for any server on an event loop: from the context of a request to its response."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TypeVar

import attrs

from stellary._tracing import TraceRate, trace
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.errors import ApiError, Invalid, MethodNotAllowed, RateLimited, Unauthenticated
from stellary.contract.mcp import MCP
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import AnyEndpoint, Router
from stellary.contract.system import METRICS
from stellary.contract.wire import Request
from stellary.core import Core
from stellary.core.agents.agents import is_agent_token
from stellary.core.api import dispatch
from stellary.core.api.authentication import parse_bearer
from stellary.core.api.dispatch import ServiceResponse
from stellary.core.db.errors import convert_unexpected_error, error_response
from stellary.core.http.addresses import Network
from stellary.core.http.body import RequestBody, body_limits
from stellary.core.http.compression import Compression, find_encodings
from stellary.core.http.conditional import answer_conditionally
from stellary.core.http.context import OperationHandler, RequestContext, add_prefix, build_headers
from stellary.core.http.cors import Cors, check_same_site, read_origin
from stellary.core.http.files import Files
from stellary.core.http.large_reads import LARGE_OPERATIONS, ReadKey
from stellary.core.http.limits import Limits
from stellary.core.http.mcp.endpoint import McpEndpoint
from stellary.core.http.mcp.operator_token import McpToken
from stellary.core.http.observers import AccessEntry, AccessLog, RequestMetrics, logged_path
from stellary.core.http.password_limits import PasswordLimits, read_error_code
from stellary.core.http.shared_counts import share_counts
from stellary.core.http.shares import KnownUsers, Owner, owner_of
from stellary.core.http.state import State
from stellary.core.http.streams import Streams
from stellary.core.http.system import SystemOperations
from stellary.core.http.threads import Threads
from stellary.core.http.throttle import GUARDED, Caller, Throttle
from stellary.core.kernel.unit import Actor
from stellary.core.kernel.units import Units
from stellary.core.ports.llm import end_with_caller, may_finish_later
from stellary.core.ports.redis_store import RedisStore

T = TypeVar("T")

_log = logging.getLogger("stellary.server")
UNITS_SECONDS = 10.0
PAUSE_MIN, PAUSE_MAX = 0.05, 1.0
"""The shortest and the longest pause between two looks at the result of a job, in seconds."""


class Api:
    """The API of a core over HTTP. A server passes it the context of each request, and sends the response.

    All methods are called on one event loop, which the context manager ``running`` must surround.

    Args:
        core: A migrated core, which the caller closes.
        hide: The operations to leave out, such as ``auth.login``, or ``auth.*`` for all of a section. Requests for them
            are answered by 404, and neither the documentation nor the built-in tools of MCP include them.
        limits: The limits of requests and logins.
        trusted_proxies: The proxies whose ``X-Forwarded-For`` headers are used.
        cors_origins: The origins whose pages may call the API from a browser.
        mcp_token: The operator's token for AI clients.
        has_oauth: Whether ``extend`` adds the endpoints that issue tokens by OAuth. Default: False.
        streams_max: The number of event streams that may be open at a time. Default: 10,000.
        jobs: Whether this process runs background jobs and sends webhook messages. Default: True. It does neither on a SQLite
            database in memory that the host uses too.
        extend: Returns the handlers of further endpoints, which are not part of the API, such as pages.
        home: The path of the page to which ``/`` leads browsers. By default, they get what programs get.
        access_log: Logs each response. By default, none is logged.
        metrics: Counts requests. By default, there is no ``/metrics``.
        store: The store in which several servers share their limits. By default, those on one PostgreSQL share them there.
        traces_per_second: The number of requests without a parent that OpenTelemetry may trace per second. Default: all.

    Attributes:
        state: Whether the server is stopping, and the number of requests in flight.
        files: The uploads and downloads.
        streams: The event streams.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    def __init__(
        self,
        core: Core,
        *,
        hide: Collection[str] = (),
        limits: Limits | None = None,
        trusted_proxies: Sequence[Network] = (),
        cors_origins: Sequence[str] = (),
        mcp_token: McpToken | None = None,
        has_oauth: bool = False,
        streams_max: int | None = None,
        jobs: bool = True,
        extend: Callable[[Threads], Mapping[AnyEndpoint, OperationHandler]] | None = None,
        home: str | None = None,
        access_log: AccessLog | None = None,
        metrics: RequestMetrics | None = None,
        store: RedisStore | None = None,
        traces_per_second: int | None = None,
    ) -> None:
        limits = limits or Limits()
        self.trusted_proxies = trusted_proxies
        self.state = State()
        self._core = core
        self._store = store
        self._trace_rate = None if traces_per_second is None else TraceRate(traces_per_second)
        self._threads = threads = Threads(core)
        self.files = Files(core, threads)
        shared = share_counts(core, threads, store, metrics)
        self.streams = Streams(core, threads, streams_max, shared)
        self.state.closing.append(self.streams.close)
        self._jobs = jobs and not core.database.is_shared_in_memory
        self._access_log = access_log
        self._metrics = metrics
        self._cors = Cors(cors_origins)
        self._origins = frozenset(cors_origins)
        self._compression = Compression(find_encodings())
        self._throttle = Throttle(limits, shared)
        self._users = KnownUsers()
        self._password_limits = PasswordLimits(limits, core.login_attempts)
        endpoints = select_endpoints([*hide, *([METRICS.operation] if metrics is None else [])])
        extra_handlers = {} if extend is None else extend(threads)
        operations = {endpoint.operation for endpoint in endpoints}
        hidden_operations = {endpoint.operation for endpoint in ENDPOINTS} - operations
        origins = {read_origin(core.env.public_url), *cors_origins}
        self._mcp = McpEndpoint(core, mcp_token, origins, threads, self.state, hidden_operations, has_oauth)
        self._system_operations: Mapping[str, OperationHandler] = {
            **SystemOperations(core, self.state, threads, metrics, endpoints, home).handlers(),
            MCP.operation: self._mcp.__call__,
            **{endpoint.operation: handler for endpoint, handler in extra_handlers.items()},
        }
        self._router = make_router(self._system_operations, [*endpoints, *extra_handlers])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay signals, run jobs, sweep files and rows, and serve streams while the context is open; then finish what has begun."""
        self._core.relay.start()
        if (replicas := self._core.units.replicas) is not None:
            replicas.start(self._store, lambda: self._core.relay.has_peers)
        stop_observing = None if self._metrics is None else self._core.observe(self._metrics)
        if self._jobs:
            self._core.work.start()
            self._core.webhook_worker.start()
        sweeps = not self._core.database.is_shared_in_memory
        try:
            async with (
                self.files.sweeping() if sweeps else nullcontext(),
                self.streams.running(),
                self._mcp.running(),
            ):
                yield
        finally:
            await self._stop()
            if stop_observing is not None:
                stop_observing()

    async def _stop(self) -> None:
        if self._jobs:
            # A job that is not finished by then is continued by the next process.
            self._core.webhook_worker.stop(0)
            await asyncio.to_thread(self._core.work.stop, UNITS_SECONDS)
            await asyncio.to_thread(self._core.webhook_worker.stop, UNITS_SECONDS)
        await asyncio.to_thread(self._core.relay.stop, UNITS_SECONDS)
        if (replicas := self._core.units.replicas) is not None:
            await asyncio.to_thread(replicas.stop, UNITS_SECONDS)
        await self._threads.close(UNITS_SECONDS)
        if self._store is not None:
            self._store.close()

    async def handle(
        self, context: RequestContext, send: Callable[[RawResponse, dict[str, str]], Awaitable[T]]
    ) -> T:
        """Answer a request, and log and count the response.

        Args:
            context: The request.
            send: Sends the response with the given headers, and returns when that is done. If the context has a
                ``stream_start`` then, it passes that to ``streams.send``; it passes ``blocks`` to ``files.send``. It may
                return before a stream ends: then it calls ``context.continue_stream``, and ``finish`` at the end.

        Returns:
            The result of ``send``.

        Raises:
            ConnectionError: The client has disconnected.
        """
        context.started_at = time.perf_counter()
        extra_headers: dict[str, str] = dict(self._cors.headers(context.headers.get("origin")))
        self.state.in_flight += 1
        if self._metrics is not None:
            self._metrics.begin()
        try:
            with trace("request", "SERVER", context.headers, self._trace_rate) as span:
                raw = await self._answer_or_error(context, extra_headers)
                result = await send(raw, build_headers(raw, context.request_id, extra_headers))
                context.status = raw.status
                if span is not None:
                    context.describe(span)
        finally:
            if not context.continues:
                self.finish(context)
        return result

    def finish(self, context: RequestContext) -> None:
        """Log and count a response that has been sent, or a stream that has ended."""
        if context.stream_start is not None:
            self.streams.release(context.stream_start.reader)
            if self._metrics is not None:
                self._metrics.count_stream(-1)
        self.state.in_flight -= 1
        seconds, status = time.perf_counter() - context.started_at, context.status
        endpoint = context.match.endpoint if context.match else None
        if self._metrics is not None:
            self._metrics.end(endpoint.operation if endpoint else None, status, seconds)
        if self._access_log is None:
            return
        actor = context.actor
        self._access_log(
            AccessEntry(
                method=context.sent_method,
                path=logged_path(context.path, endpoint),
                status=status,
                ms=round(seconds * 1000, 1),
                request_id=context.request_id,
                user_id=actor.user_id if actor else None,
                token_id=(actor.token_id or actor.login_id) if actor else None,
                client=context.client,
            )
        )

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
        is_public = match.endpoint.policy.role == "public"
        if system_operation is not None and match.endpoint.resource == "system":
            return await system_operation(context)
        if context.identify is not None and not is_public:
            await self._identify(context, context.identify)
        caller = _find_caller(context)
        extra_headers.update(await self._throttle.admit(caller))
        if context.host_actor is None:
            try:
                self._throttle.admit_token(caller)
            except RateLimited:
                if not await self._is_good_token(caller):
                    raise
        if context.is_active is not None and context.host_actor is None and not is_public:
            await self._check_active(parse_bearer(caller.authorization), context.is_active)
        if system_operation is not None:
            raw = await system_operation(context)
        else:
            raw = await self._serve(context, caller)
        if context.host_actor is None and not is_public:
            await self._throttle.note_token(caller, raw.status)
        return raw

    async def _serve(self, context: RequestContext, caller: Caller) -> RawResponse:
        """Answer a request by calling a service of the core."""
        assert context.match is not None
        endpoint = context.match.endpoint
        # A caller who is refused does not wait for a model.
        answer = await self._find_refusal(context) if endpoint.takes_file or endpoint.thinks else None
        if answer is None and endpoint.takes_file:
            answer = await self.files.receive(context)
        elif answer is None:
            answer = await self._answer_json(context, caller)
        if answer.cancel is not None:
            answer = await self._wait_for_job(context, answer, answer.cancel)
        context.actor = answer.actor
        user_id = None if answer.actor is None else answer.actor.user_id
        if user_id is not None and caller.authorization is not None and context.host_actor is None:
            self._users.record(caller.authorization, user_id)
        if answer.record is not None:
            reader = answer.actor.user_id if answer.actor else None
            allowed = partial(
                dispatch.may_read_on,
                self._core.units,
                context.to_access_request(),
                context.host_actor,
                policies=answer.record.policies,
                sight=answer.record.sight,
            )
            context.stream_start = await self.streams.open(answer.record, reader, allowed)
            if self._metrics is not None:
                self._metrics.count_stream(1)
        return add_prefix(answer, context.prefix)

    async def _wait_for_job(
        self, context: RequestContext, accepted: ServiceResponse, cancel: Callable[[], None]
    ) -> ServiceResponse:
        """Return the result of a job that the request has begun, or after 30 seconds the response that says where it will be.

        Args:
            context: The request.
            accepted: The response with status 202 and the path of the item.
            cancel: Takes back what the request has begun.

        Raises:
            ConnectionResetError: The client has disconnected.
        """
        assert context.match is not None
        look = attrs.evolve(
            context.to_access_request(), method="GET", path=accepted.headers["location"], query=""
        )
        deadline = time.monotonic() + self._core.env.answer_seconds
        pause = PAUSE_MIN
        while not self.state.closed and (remaining := deadline - time.monotonic()) > 0:
            until = time.monotonic() + min(pause, remaining)
            while time.monotonic() < until:
                await asyncio.sleep(PAUSE_MIN)
                if context.body.is_gone():
                    await self._threads.run("write", cancel)
                    raise ConnectionResetError("the client has disconnected")
            current = await self._threads.run(
                "read", lambda: dispatch.answer(self._core.units, look, context.host_actor)
            )
            if current.status == 200 and "retry-after" not in current.headers:
                return attrs.evolve(current, status=context.match.endpoint.status)
            if 400 <= current.status < 500:
                return current
            pause = min(PAUSE_MAX, 2 * pause)
        return accepted

    # ------------------------------------------------------------------------------------------ the caller

    async def _identify(
        self, context: RequestContext, identify: Callable[[], Awaitable[Actor | None]]
    ) -> None:
        """Set the caller that the host's application has logged in.

        Raises:
            Forbidden: A page of another site sends the request, with a session cookie of the user (CSRF).
            RuntimeError: The application cannot reach its sessions.
        """
        try:
            context.host_actor = context.actor = await identify()
        except ConnectionError as error:
            # It is not the client that has disconnected.
            raise RuntimeError("the host's application could not identify the caller") from error
        if context.host_actor is not None and context.method != "GET":
            check_same_site(context.headers, self._origins)

    async def _check_active(self, bearer: str, is_active: Callable[[str], Awaitable[bool]]) -> None:
        """Check that the host still knows the user of a token. Whether it is valid is checked later.

        Raises:
            Unauthenticated: The user is not active in the host's application.
        """
        if not bearer:
            return
        external_id = await self._threads.run("read", lambda: self._core.find_external_id(bearer))
        if external_id is not None and not await is_active(external_id):
            raise Unauthenticated("the user of this token is not active in the application")

    async def _is_good_token(self, caller: Caller) -> bool:
        """Return whether a token is valid. Called if its address has sent too many invalid tokens."""
        bearer = parse_bearer(caller.authorization)
        if not bearer:
            return False
        try:
            await self._threads.run("read", lambda: self._core.authenticate(bearer))
        except Unauthenticated:
            return False
        return True

    async def _answer_json(self, context: RequestContext, caller: Caller) -> ServiceResponse:
        """Answer a request without a file. A large body is read and inflated only after the caller is admitted."""
        assert context.match is not None
        match, endpoint = context.match, context.match.endpoint
        has_token = context.host_actor is not None or "authorization" in context.headers
        # Over HTTP/2, a body needs no header that announces it.
        has_body = not endpoint.in_query or context.content_length or "transfer-encoding" in context.headers
        if not has_body or not (has_token or endpoint.policy.role == "public"):
            # There is no body, or the response is a 401 regardless of the body.
            return await self._run_service(context, caller, context.to_raw_request())
        limits = body_limits(endpoint)
        body = RequestBody(context, limits.size)
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

        raw, payload = await self._threads.bodies.run(parse, self._find_owner(context))
        return await self._run_service(context, caller, raw, payload)

    async def _find_refusal(self, context: RequestContext) -> ServiceResponse | None:
        """Return the error response for a request that the caller may not make, regardless of its body; else None."""
        raw = context.to_raw_request()
        return await self._threads.run(
            "read",
            lambda: dispatch.find_refusal(self._core.units, raw, context.match, context.host_actor),
        )

    def _find_owner(self, context: RequestContext) -> Owner:
        """Return the user, the project and the workspace of a request, as far as they are known."""
        assert context.match is not None
        actor = context.host_actor
        user = (
            self._users.identify(context.headers.get("authorization"), context.client)
            if actor is None
            else actor.user_id
        )
        return owner_of(context.match.ref, user)

    def _find_units(self, context: RequestContext, owner: Owner) -> Units:
        """Return the units for a read, which may use a replica if it is known whose read it is.

        The beginning of a stream is read from the primary, like the stream.
        """
        user = self._users.find(context.headers.get("authorization"))
        user = user if context.host_actor is None else owner.user
        is_stream = context.match is not None and context.match.endpoint.is_stream
        return self._core.units if user is None or is_stream else self._core.units.read_as(user)

    def _run_service(
        self,
        context: RequestContext,
        caller: Caller,
        raw: RawRequest,
        payload: Request | ApiError | None = None,
    ) -> asyncio.Future[ServiceResponse]:
        assert context.match is not None
        match, operation, actor = context.match, context.match.endpoint.operation, context.host_actor
        owner, is_gone = self._find_owner(context), context.body.is_gone

        def answer(units: Units = self._core.units) -> ServiceResponse:
            return dispatch.answer(units, raw, actor, match=match, payload=payload)

        if match.endpoint.returns_file or match.endpoint.thinks:
            pool = self._threads.files if match.endpoint.returns_file else self._threads.thinking

            def think() -> ServiceResponse:
                may_finish_later.set(not self._core.database.is_shared_in_memory)
                return answer()

            return pool.run(end_with_caller(think, is_gone), owner, is_gone=is_gone)
        mode = dispatch.SERVICES[operation].mode
        if operation not in GUARDED:
            if mode == "read":
                headers, units = context.headers, self._core.units
                if units.replicas is not None:
                    units = self._find_units(context, owner)

                def read() -> ServiceResponse:
                    compressed = self._compression.compress(answer(units), headers.get("accept-encoding"))
                    return answer_conditionally(compressed, headers.get("if-none-match"))

                key = ReadKey(operation, match.ref, "limit=" in raw.query)
                job = end_with_caller(read, is_gone) if operation in LARGE_OPERATIONS else read
                return self._threads.read(key, job, owner, is_gone)
            return self._threads.run(mode, answer, owner, _find_group_order(context))

        attempt = self._password_limits.attempt(operation, caller, raw.body)

        def answer_guarded() -> ServiceResponse:
            # Checked again when the thread starts it, since concurrent attempts may have failed by then.
            attempt.admit()
            guarded_answer = answer()
            status = guarded_answer.status
            attempt.record(status, read_error_code(status, guarded_answer.body))
            return guarded_answer

        attempt.refuse_early()
        return self._threads.run(mode, answer_guarded, owner)


def _find_group_order(context: RequestContext) -> str | None:
    """Return the order of a request in a group that shares a commit on PostgreSQL; None if it must run alone.

    The units of a group lock rows in the order of all other units, so that they cause no deadlocks: the project, then
    columns by their ids. The limits of agents are rows that are locked before these.
    """
    match, actor = context.match, context.host_actor
    if match is None or not dispatch.SERVICES[match.endpoint.operation].shares_commit:
        return None
    if actor is None:
        is_agent = is_agent_token(parse_bearer(context.headers.get("authorization")))
    else:
        is_agent = actor.agent_limits is not None
    return None if is_agent else getattr(match.ref, "column_id", "")


def _find_caller(context: RequestContext) -> Caller:
    """Return the sender of a request, for its limits.

    Raises:
        Invalid: There are several ``Authorization`` headers, and a proxy may have checked another one than
            the core would use.
    """
    if context.host_actor is not None:
        return Caller(context.client, f"user {context.host_actor.user_id}")
    if context.repeats_authorization:
        raise Invalid("Authorization must be sent once", code="repeated_header")
    return Caller(context.client, context.headers.get("authorization"))


def select_endpoints(hide: Collection[str]) -> list[AnyEndpoint]:
    """Return the endpoints of the contract without the hidden ones.

    Args:
        hide: Operations, or sections such as ``auth.*``.

    Raises:
        ValueError: There is no such operation or section.
    """
    sections = {f"{endpoint.operation.partition('.')[0]}.*" for endpoint in ENDPOINTS}
    unknown = set(hide) - sections - {endpoint.operation for endpoint in ENDPOINTS}
    if unknown:
        raise ValueError(f"no operation is called {', '.join(sorted(unknown))}")
    return [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.operation not in hide and f"{endpoint.operation.partition('.')[0]}.*" not in hide
    ]


def make_router(
    system_operations: Mapping[str, OperationHandler], endpoints: Sequence[AnyEndpoint] = ENDPOINTS
) -> Router:
    """Return a router over endpoints.

    Args:
        system_operations: The handlers of operations that are answered without the core.
        endpoints: The endpoints. By default, all of the contract.

    Raises:
        RuntimeError: An endpoint has neither a service of the core nor a system operation.
    """
    unserved = (
        {endpoint.operation for endpoint in endpoints} - system_operations.keys() - dispatch.SERVICES.keys()
    )
    if unserved:
        raise RuntimeError(f"no service for {', '.join(sorted(unserved))}")
    return Router(endpoints)
