"""The endpoint ``/mcp``: authenticates the client, checks its origin, and starts the MCP library."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import attrs
import orjson

from stellary.contract.errors import Forbidden, Invalid, NotFound, Unauthenticated
from stellary.contract.jsonic import parse
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from stellary.core import Core
from stellary.core.api.authentication import parse_bearer
from stellary.core.api.calls import check_media_type
from stellary.core.db.errors import error_response
from stellary.core.http.body import LARGE, RequestBody
from stellary.core.http.context import RequestContext
from stellary.core.http.mcp.operator_token import McpToken
from stellary.core.http.shares import Owner
from stellary.core.http.state import State
from stellary.core.http.system import product_version
from stellary.core.http.threads import Threads
from stellary.core.kernel.signer import build_invalid_token

if TYPE_CHECKING:
    from stellary.core.http.mcp.bridge import Bridge
    from stellary.core.http.mcp.calling import McpClient

READING = frozenset({"projects:read", "pilotage:read"})
"""The scopes of the operator's token in the settings, which is read-only."""

RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource"
_LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
_PARSE_ERROR = -32700
BATCH_VERSION = "2025-03-26"
"""The only version of the protocol that has batches, and the version of clients that name none."""
BATCH_MAX = 50
"""The number of messages in a batch."""


@attrs.define(eq=False)
class McpEndpoint:
    """The handler of requests at ``/mcp``.

    Args:
        core: Runs the actions of tools.
        token: The operator's token, if there is one.
        origins: The allowed origins.
        threads: The threads in which the core runs.
        state: The state of the server.
        hidden_operations: The operations that the host leaves out of the API.
        has_oauth: Whether the server issues tokens by OAuth. Default: False.
    """

    _core: Core
    _token: McpToken | None
    _origins: Collection[str]
    _threads: Threads
    _state: State
    _hidden_operations: Collection[str]
    _has_oauth: bool = False
    _bridge: asyncio.Future[Bridge] | None = attrs.field(default=None, init=False)
    _serving: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests while the context is open."""
        try:
            yield
        finally:
            if self._serving is not None:
                self._serving.cancel()
                await asyncio.wait({self._serving})

    async def __call__(self, context: RequestContext) -> RawResponse:
        """Answer a request."""
        self._check_origin(context.headers.get("origin"))
        try:
            client = await self._client(context)
        except Unauthenticated as error:
            response = error_response(error, context.request_id)
            if not self._has_oauth:
                return response
            problem = ', error="invalid_token"' if error.code == "invalid_token" else ""
            url = f"{self._core.env.public_url}{RESOURCE_METADATA_PATH}/mcp"
            challenge = f'Bearer resource_metadata="{url}"{problem}'
            return attrs.evolve(response, headers={**response.headers, "www-authenticate": challenge})
        context.actor = client.actor
        try:
            body, message = await self._read(context)
        except Invalid as error:
            return _not_json(error)
        bridge = await self._get_bridge()
        request = context.to_raw_request(body)
        # The library compares the type byte by byte.
        request = attrs.evolve(request, headers={**request.headers, "content-type": "application/json"})
        is_batch = request.headers.get("mcp-protocol-version", BATCH_VERSION) == BATCH_VERSION
        if not is_batch or not isinstance(message, list) or not message:
            return await bridge.answer(request, client, streams=bridge.reports_progress(message))
        if len(message) > BATCH_MAX:
            return _not_json(Invalid(f"a batch has at most {BATCH_MAX} messages"))
        parts = []
        for part in message:
            if client.is_gone():
                raise ConnectionResetError("the client has disconnected")
            parts.append(await bridge.answer(attrs.evolve(request, body=orjson.dumps(part)), client))
        bodies = [part.body for part in parts if part.body]
        if not bodies:
            return parts[0]
        return RawResponse(200, {"content-type": "application/json"}, b"[" + b",".join(bodies) + b"]")

    async def _read(self, context: RequestContext) -> tuple[bytes, object]:
        """Read the body, and reject what the API does not accept, since the library is less strict."""
        body = RequestBody(context, LARGE.size)
        small = await body.read_small()
        check_media_type(context.headers)
        if small is not None:
            return small, parse(small)
        await body.read()

        def inflate_and_check() -> tuple[bytes, object]:
            inflated = body.inflate()
            return inflated, parse(inflated, LARGE.values)

        owner = Owner(user=context.headers.get("authorization", context.client))
        return await self._threads.bodies.run(inflate_and_check, owner, is_gone=context.body.is_gone)

    def _check_origin(self, origin: str | None) -> None:
        """Check that a browser sends the request from a known origin.

        This protects a server on a developer's machine from other web pages, whatever host name they use (DNS
        rebinding).
        """
        if origin is None or "*" in self._origins or origin in self._origins or _LOOPBACK.fullmatch(origin):
            return
        raise Forbidden(
            "this origin is not allowed; STELLARY_CORS_ORIGINS lists the allowed ones", code="unknown_origin"
        )

    # ------------------------------------------------------------------------------------------ the client

    async def _client(self, context: RequestContext) -> McpClient:
        """Return the client of a request.

        Raises:
            Unauthenticated: The token is missing or invalid.
        """
        if find_spec("mcp") is None:
            message = "MCP is not installed on this server: pip install 'stellary[mcp]'"
            raise NotFound(message, code="not_installed")
        from stellary.core.http.mcp.calling import McpClient

        headers = {"x-request-id": context.request_id}
        if context.host_actor is not None:
            return McpClient(context.host_actor, headers, fixed=True, is_gone=context.body.is_gone)
        bearer = parse_bearer(context.headers.get("authorization"))
        if not bearer:
            raise Unauthenticated("a Bearer token is required")
        token = self._token
        sent = bearer.encode("utf-8", "surrogateescape")
        if token is not None and hmac.compare_digest(sent, token.secret.encode()):
            operator = await self._threads.run("read", partial(self._core.known_by, token.user))
            if operator is None:
                raise build_invalid_token()
            actor = attrs.evolve(operator, scopes=READING)
            return McpClient(actor, headers, fixed=True, workspace=token.workspace)
        actor = await self._threads.run("read", lambda: self._core.authenticate(bearer))
        headers["authorization"] = context.headers["authorization"]
        return McpClient(actor, headers, is_gone=context.body.is_gone)

    # ------------------------------------------------------------------------------------------ the library

    async def _get_bridge(self) -> Bridge:
        """Return the bridge to the library, which the first request loads and starts."""
        if self._bridge is None:
            self._bridge = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(self._bridge))
        return await asyncio.shield(self._bridge)

    async def _serve(self, started: asyncio.Future[Bridge]) -> None:
        try:
            bridge = await asyncio.to_thread(self._load_bridge)
            async with bridge.running():
                started.set_result(bridge)
                await asyncio.Event().wait()
        except Exception as error:  # noqa: BLE001 - it is raised again where the bridge is awaited
            self._bridge = None
            started.set_exception(error)

    def _load_bridge(self) -> Bridge:
        from stellary.core.http.mcp.bridge import Bridge
        from stellary.core.http.mcp.calling import ToolRunner

        return Bridge(
            ToolRunner(self._core, self._threads, self._state, self._hidden_operations),
            product_version(),
            LARGE.size,
        )


def _not_json(error: Invalid) -> RawResponse:
    problem = {"code": _PARSE_ERROR, "message": error.message}
    body = {"jsonrpc": "2.0", "id": None, "error": problem}
    return RawResponse(400, {"content-type": "application/json"}, dump(body))
