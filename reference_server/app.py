"""The aiohttp application that serves a core, by itself or mounted in a host's application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from reference_server.handler import Handler
from reference_server.log import AccessLog
from reference_server.mcp.endpoint import McpEndpoint
from reference_server.metrics import Metrics
from reference_server.pages.handler import Pages
from reference_server.settings import Settings
from reference_server.system import SystemOperations
from stellary.contract.mcp import MCP
from stellary.core import Core
from stellary.core.http.state import State
from stellary.core.http.threads import Threads

STATE = web.AppKey("STATE", State)
HANDLER = web.AppKey("HANDLER", Handler)
"""The keys of an application's state and handler, for code that runs it by itself."""

UNITS_SECONDS = 10.0
_TAIL = "/{tail:.*}"


def make_app(
    core: Core, settings: Settings | None = None, *, access_log: AccessLog | None = None
) -> web.Application:
    """Return an application that serves the API of a core. A host mounts it: ``host.add_subapp("/pm/", …)``.

    Args:
        core: A migrated core, which the caller closes.
        settings: The settings of the server: proxies, origins, limits.
        access_log: Logs each response; by default, logging is left to the host.

    Returns:
        The application.
    """
    settings = settings or Settings()
    app = web.Application()
    state, threads, metrics = State(), Threads(core), Metrics()
    mcp = McpEndpoint(core, settings, threads, state)
    operations = {
        **SystemOperations(core, state, threads, metrics).handlers(),
        MCP.operation: mcp.__call__,
        **Pages(core, settings, threads).handlers(),
    }
    handler = Handler(core, settings, threads, state, operations, access_log, metrics)
    state.closing.append(handler.streams.close)
    app[STATE], app[HANDLER] = state, handler
    app.router.add_route("*", _TAIL, handler.__call__, expect_handler=_expect_later)

    async def run(app: web.Application) -> AsyncIterator[None]:
        handler.prefix = _prefix(app)
        async with (
            _run_core(core, threads, does_jobs=settings.jobs),
            handler.files.sweeping(),
            handler.streams.running(),
            mcp.running(),
        ):
            yield

    async def close(_: web.Application) -> None:
        state.close()

    app.cleanup_ctx.append(run)
    # A host's runner waits for open responses before it cleans up.
    app.on_shutdown.append(close)
    return app


@asynccontextmanager
async def _run_core(core: Core, threads: Threads, *, does_jobs: bool) -> AsyncIterator[None]:
    """Relay signals and run jobs until the context ends; then finish the units that have begun."""
    core.relay.start()
    if does_jobs:
        core.work.start()
        core.webhook_worker.start()
    yield
    if does_jobs:
        # A job that is not finished by then is continued by the next process.
        core.webhook_worker.stop(0)
        await asyncio.to_thread(core.work.stop, UNITS_SECONDS)
        await asyncio.to_thread(core.webhook_worker.stop, UNITS_SECONDS)
    await asyncio.to_thread(core.relay.stop, UNITS_SECONDS)
    await threads.close(UNITS_SECONDS)


async def _expect_later(_: web.Request) -> None:
    # The handler sends "100 Continue" when it wants the body.
    return


def _prefix(app: web.Application) -> str:
    """Return the prefix at which the application is mounted; empty if it runs by itself."""
    (resource,) = app.router.resources()
    return resource.canonical.removesuffix("/{tail}")
