"""The API mounted in the application of a host: under a prefix, beside the host's own routes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from reference_server.app import STATE, make_app
from stellary.core import Core
from tests.support.core_parts import NO_LIMITS, transfers
from tests.support.server_parts import Settings
from tests.support.world import World


@asynccontextmanager
async def serving(app: web.Application, **options: bool) -> AsyncIterator[ClientSession]:
    """Serve an application, and yield a client of it. Stopping waits for the requests."""
    runner = web.AppRunner(app, **options)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession(f"http://127.0.0.1:{site.port}") as client:
        yield client
    await runner.cleanup()


@pytest.fixture
async def host(sqlite_core: Core) -> AsyncIterator[ClientSession]:
    """Yield a client of a host that has mounted the API under ``/pm``."""

    async def greet(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", greet)
    app.add_subapp("/pm/", make_app(sqlite_core, Settings(limits=NO_LIMITS)))
    async with serving(app) as client:
        yield client


async def register(host: ClientSession, name: str = "ann") -> dict[str, str]:
    account = {"email": f"{name}@example.com", "password": "correct horse"}
    async with host.post("/pm/auth/register", json=account) as answer:
        assert answer.status == 201
        return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


async def test_host_keeps_its_own_routes(host: ClientSession):
    async with host.get("/") as answer:
        assert await answer.text() == "hello"
    async with host.get("/auth/me") as answer:
        assert answer.status == 404
        assert "x-request-id" not in answer.headers


async def test_api_is_served_under_its_prefix(host: ClientSession):
    async with host.get("/pm/auth/me", headers=await register(host)) as answer:
        assert answer.status == 200
    async with host.get("/pm/health/ready") as answer:
        assert await answer.json() == {"status": "ready"}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    async with host.post("/pm/mcp", json=ping, headers={**await register(host, "bob"), **accept}) as answer:
        assert (await answer.json())["result"] == {}
    async with host.get("/pm/") as answer:
        assert (await answer.json())["openapi"] == "/pm/openapi.json"
    async with host.get("/pm/docs") as answer:
        assert 'url: "/pm/openapi.json"' in await answer.text()
    async with host.get("/pm/openapi.json") as answer:
        assert (await answer.json())["servers"][0]["url"] == "/pm"


async def test_errors_have_the_format_of_the_api(host: ClientSession):
    for method, path, status in (
        ("GET", "/pm/nowhere", 404),
        ("PUT", "/pm/auth/me", 405),
        ("GET", "/pm/auth/me", 401),
    ):
        async with host.request(method, path) as answer:
            shape = await answer.json()
            assert (answer.status, shape["statusCode"]) == (status, status)
            assert shape["requestId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("in_memory", [transfers.IN_MEMORY, 10])
async def test_link_to_the_next_page_has_the_prefix(host: ClientSession, monkeypatch, in_memory):
    monkeypatch.setattr(transfers, "IN_MEMORY", in_memory)
    headers = await register(host)
    for number in range(3):
        organization = {"name": "Acme", "slug": f"acme-{number}"}
        async with host.post("/pm/organizations", json=organization, headers=headers) as answer:
            assert answer.status == 201
    slugs, path = [], "/pm/organizations?limit=1"
    while path:
        async with host.get(path, headers=headers) as answer:
            slugs += [organization["slug"] for organization in await answer.json()]
            path = str(answer.links["next"]["url"].relative()) if "next" in answer.links else ""
    assert slugs[1:] == ["acme-0", "acme-1", "acme-2"]


async def test_client_that_expects_100_gets_it(host: ClientSession):
    account = {"email": "ann@example.com", "password": "correct horse"}
    async with host.post("/pm/auth/register", json=account, expect100=True) as answer:
        assert answer.status == 201


async def test_request_cancelled_by_the_host_is_finished(sqlite_core: Core):
    app = make_app(sqlite_core, Settings(limits=NO_LIMITS))
    async with serving(app, handler_cancellation=True) as client:
        account = {"email": "ann@example.com", "password": "correct horse"}
        with sqlite_core.database.writing():
            pending = asyncio.create_task(client.post("/auth/register", json=account))
            while not app[STATE].in_flight:  # noqa: ASYNC110 - it is a number
                await asyncio.sleep(0.005)
            pending.cancel()
            await asyncio.sleep(0.1)
    assert World(sqlite_core).status(None, "POST", "/auth/login", account) == 201


def test_example_of_the_guide_runs():
    root = Path(__file__).parents[2]
    command = [sys.executable, root / "docs" / "examples" / "mounted.py"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ('200 {"status":"ready"}\n', "")
