"""The application: a core as something aiohttp can serve, by itself or as a part of a host's application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from reference_server.handler import Handler
from reference_server.log import AccessLog
from reference_server.mcp.endpoint import McpEndpoint
from reference_server.metrics import Metrics
from reference_server.settings import Settings
from reference_server.state import State
from reference_server.system import system_operations
from reference_server.threads import Threads
from stellary.contract.mcp import MCP
from stellary.core import Core

STATE = web.AppKey("STATE", State)
HANDLER = web.AppKey("HANDLER", Handler)
"""Where an application keeps its state and its handler, for whoever runs it by itself."""

UNITS_SECONDS = 10.0
_TAIL = "/{tail:.*}"


def make_app(
    core: Core, settings: Settings | None = None, *, access_log: AccessLog | None = None
) -> web.Application:
    """An application that serves the API over a core. A host mounts it: ``host.add_subapp("/pm/", …)``.

    Args:
        core: Migrated; it stays the caller's to close.
        settings: Of the server: proxies, origins, limits.
        access_log: Is told of each answer; without one, that is the host's business.
    """
    app = web.Application()
    state = State()
    threads = Threads(core)
    metrics = Metrics()
    mcp = McpEndpoint(core, settings or Settings(), threads, state)
    operations = {
        **system_operations(core, state, threads, metrics, lambda: handler.prefix),
        MCP.operation: mcp.__call__,
    }
    handler = Handler(core, settings or Settings(), threads, state, operations, access_log, metrics)
    state.closing.append(handler.streams.close)
    app[STATE], app[HANDLER] = state, handler
    app.router.add_route("*", _TAIL, handler.__call__, expect_handler=_expect_later)

    does_jobs = settings is None or settings.jobs

    async def running(app: web.Application) -> AsyncIterator[None]:
        handler.prefix = _prefix(app)
        core.relay.start()
        if does_jobs:
            core.work.start()
            core.webhook_worker.start()
        async with (
            asynccontextmanager(handler.files.sweeping)(),
            asynccontextmanager(handler.streams.running)(),
            asynccontextmanager(mcp.running)(),
        ):
            yield
        if does_jobs:
            # One that is not done by then is done by the next process.
            core.webhook_worker.stop(0)
            await asyncio.to_thread(core.work.stop, UNITS_SECONDS)
            await asyncio.to_thread(core.webhook_worker.stop, UNITS_SECONDS)
        await asyncio.to_thread(core.relay.stop, UNITS_SECONDS)
        await threads.close(UNITS_SECONDS)

    async def closing(_: web.Application) -> None:
        state.close()

    app.cleanup_ctx.append(running)
    # A host's runner waits for what is being answered before it cleans up.
    app.on_shutdown.append(closing)
    return app


async def _expect_later(_: web.Request) -> None:
    # A client is told to go on once the handler has decided that it wants the body.
    return


def _prefix(app: web.Application) -> str:
    """Where the application was mounted; empty if it stands by itself."""
    (resource,) = app.router.resources()
    return resource.canonical.removesuffix("/{tail}")
