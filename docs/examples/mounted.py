"""The API as a part of your own aiohttp application, beside your own routes.

Run it: ``python docs/examples/mounted.py`` sends one request to its own server, and leaves no files behind.
"""

from __future__ import annotations

import asyncio

import aiohttp

# --8<-- [start:mounted]
from aiohttp import web

from reference_server.app import make_app
from stellary.core import Core

core = Core("sqlite://", jwt_secret="32 bytes or more, from your own settings")
core.migrate()


async def welcome(request: web.Request) -> web.Response:
    return web.Response(text="The host's own page")


host = web.Application()
host.router.add_get("/", welcome)
host.add_subapp("/pm/", make_app(core))
# web.run_app(host) serves http://localhost:8080/pm/auth/login and all other endpoints
# --8<-- [end:mounted]


async def main() -> None:
    runner = web.AppRunner(host)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{site.port}/pm/health/ready") as answer,
    ):
        print(answer.status, await answer.text())
    await runner.cleanup()
    core.close()


asyncio.run(main())
