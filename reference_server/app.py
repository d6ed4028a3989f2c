"""The aiohttp application that serves a core, by itself or mounted in a host's application."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from reference_server.handler import Handler
from reference_server.metrics import Metrics
from reference_server.pages.handler import PageHandlers
from reference_server.proxied_users import ProxiedUsers
from reference_server.settings import Settings
from stellary.core import Core
from stellary.core.http.api import Api
from stellary.core.http.observers import AccessLog
from stellary.core.http.state import State
from stellary.core.ports.redis_store import RedisStore

STATE = web.AppKey("STATE", State)
HANDLER = web.AppKey("HANDLER", Handler)
"""The keys of an application's state and handler, for code that runs the application."""


def make_app(
    core: Core,
    settings: Settings | None = None,
    *,
    access_log: AccessLog | None = None,
    metrics: Metrics | None = None,
) -> web.Application:
    """Return an application that serves the API of a core. A host mounts it: ``host.add_subapp("/pm/", …)``.

    Args:
        core: A migrated core, which the caller closes.
        settings: The settings of the server: proxies, origins, limits.
        access_log: Logs each response; by default, logging is left to the host.
        metrics: The metrics that ``/metrics`` shows. Default: new ones.

    Returns:
        The application.
    """
    settings = settings or Settings()
    api = Api(
        core,
        limits=settings.limits,
        trusted_proxies=settings.trusted_proxies,
        cors_origins=settings.cors_origins,
        mcp_token=settings.mcp_token,
        has_oauth=True,
        jobs=settings.jobs,
        extend=PageHandlers(core, settings).create_handlers,
        home="/home",
        access_log=access_log,
        metrics=metrics or Metrics(),
        store=RedisStore(settings.limits_url) if settings.limits_url else None,
        traces_per_second=settings.traces_per_second,
    )
    app = web.Application()
    proxied_users = None
    if settings.user_header is not None:
        proxied_users = ProxiedUsers(core.units, settings.user_header, settings.trusted_proxies)
    handler = Handler(api, core.env, proxied_users)
    app[STATE], app[HANDLER] = api.state, handler
    app.router.add_route("*", "/{tail:.*}", handler.__call__, expect_handler=_expect_later)

    async def run(app: web.Application) -> AsyncIterator[None]:
        handler.prefix = _prefix(app)
        async with api.running():
            yield

    async def close(_: web.Application) -> None:
        api.state.close()

    app.cleanup_ctx.append(run)
    # A host's runner waits for open responses before it cleans up.
    app.on_shutdown.append(close)
    return app


async def _expect_later(_: web.Request) -> None:
    # The handler sends "100 Continue" when it wants the body.
    return


def _prefix(app: web.Application) -> str:
    """Return the prefix at which the application is mounted; empty if it runs by itself."""
    (resource,) = app.router.resources()
    return resource.canonical.removesuffix("/{tail}")
