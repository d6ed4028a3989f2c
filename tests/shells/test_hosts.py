"""The API for users that a host's application has logged in, and below a prefix of the host."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stellary.core import Actor, Core
from tests.server.listening import listening
from tests.server.running import Reachable
from tests.support import mcp
from tests.support.core_parts import Limits, RateLimit
from tests.support.shells import running_asgi
from tests.support.world import World


def make_who(serve: Any, core: Core) -> Callable[[Any], Actor | None]:
    """Return a function that takes the user of a request from the header ``X-User``, as a host would from a session."""

    def find_user(user: str | None) -> Actor | None:
        return core.user(external_id=user, email=f"{user}@example.com") if user else None

    def from_scope(scope: Any) -> Actor | None:
        return find_user(dict(scope["headers"]).get(b"x-user", b"").decode())

    return (
        from_scope
        if serve.__name__ == "running_asgi"
        else lambda environ: find_user(environ.get("HTTP_X_USER"))
    )


@pytest.fixture
def host(serve: Any, core: Core) -> Any:
    """Yield a server whose users a host has logged in."""
    with serve(core, who=make_who(serve, core), hide={"auth.login", "auth.register"}) as server:
        yield server


def create_organization(server: Reachable, **headers: str) -> Any:
    return server.ask("POST", "/organizations", {"name": "Toys", "slug": "toys"}, **headers)


def test_user_of_the_host_is_the_caller(host):
    assert host.ask("GET", "/auth/me", x_user="ann").json["user"]["email"] == "ann@example.com"
    assert create_organization(host, x_user="ann").status == 201
    assert host.ask("GET", "/organizations/toys", x_user="ann").status == 200
    assert host.ask("GET", "/organizations/toys", x_user="bob").status == 404


def test_request_needs_a_user_of_the_host_who_takes_precedence_or_a_token(host, core):
    assert host.ask("GET", "/auth/me").status == 401
    world = World(core)
    token = world.api_token(world.person("eve"))
    assert host.ask("GET", "/auth/me", token=token).json["user"]["email"].startswith("eve")
    assert host.ask("GET", "/auth/me", token=token, x_user="ann").json["user"]["email"] == "ann@example.com"


def test_large_body_of_a_user_of_the_host_is_read(host):
    """Check a body that is read only after the caller is admitted."""
    create_organization(host, x_user="ann")
    host.ask("POST", "/orgs/toys/workspaces", {"name": "Eng", "slug": "eng"}, x_user="ann")
    body = {"name": "Large", "description": "x" * 20_000}
    reply = host.ask("POST", "/orgs/toys/workspaces/eng/projects", body, x_user="bob")
    assert reply.status == 404
    reply = host.ask("POST", "/orgs/toys/workspaces/eng/projects", body, x_user="ann")
    assert reply.status in (201, 400)


def test_stream_of_a_user_of_the_host(host):
    create_organization(host, x_user="ann")
    created = host.ask("POST", "/orgs/toys/workspaces", {"name": "Eng", "slug": "eng"}, x_user="ann")
    assert created.status == 201, created
    with listening(host, "/orgs/toys/workspaces/eng/events", "", x_user="ann") as client:
        assert client.status == 200
        assert client.block() == {"retry": "1000"}
        host.ask("POST", "/orgs/toys/workspaces/eng/projects", {"name": "Launch"}, x_user="ann")
        assert client.event()["type"] == "project_created"


def test_mcp_acts_as_the_user_of_the_host(host):
    create_organization(host, x_user="ann")
    answer = mcp.send(host, "tools/list", {}, None, x_user="ann")
    assert "create_card" in {tool["name"] for tool in answer["result"]["tools"]}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"sec_fetch_site": "same-origin"}, 201),
        ({"sec_fetch_site": "none"}, 201),
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"sec_fetch_site": "same-site", "origin": "https://other.example.com"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[evil"}, 403),
    ],
)
def test_change_from_a_page_of_another_site_is_refused(serve, sqlite_core, headers, status):
    with serve(sqlite_core, who=make_who(serve, sqlite_core)) as server:
        reply = create_organization(server, x_user="ann", **headers)
        assert reply.status == status
        if status == 403:
            assert reply.json["code"] == "cross_site"
            assert server.ask("GET", "/organizations/toys", x_user="ann").status == 404
            assert server.ask("GET", "/auth/me", x_user="ann", **headers).status == 200


def test_page_of_the_host_may_change(serve, sqlite_core):
    """Check a browser that sends ``Origin`` but no ``Sec-Fetch-Site``."""
    with serve(sqlite_core, who=make_who(serve, sqlite_core)) as server:
        assert create_organization(server, x_user="ann", origin=server.url).status == 201


def test_users_of_the_host_have_their_own_request_limits(serve, sqlite_core):
    limits = Limits(requests=RateLimit(1, 3600))
    with serve(sqlite_core, who=make_who(serve, sqlite_core), limits=limits) as server:
        statuses = [server.ask("GET", "/auth/me", x_user=user).status for user in ("ann", "bob", "ann")]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("error", [LookupError, ConnectionRefusedError])
def test_error_of_the_host_is_an_error_of_the_api(serve, sqlite_core, caplog, error):
    def fail(_: Any) -> Actor | None:
        raise error("no session")

    with serve(sqlite_core, who=fail) as server:
        reply = server.ask("GET", "/auth/me")
        assert (reply.status, reply.json["code"]) == (500, "internal_error")
        assert server.ask("GET", "/health/live").status == 200
    assert "no session" in caplog.text


def test_coroutine_function_identifies_users(sqlite_core):
    async def who(scope: Any) -> Actor | None:
        await asyncio.sleep(0)
        return await asyncio.to_thread(sqlite_core.user, external_id="ann", email="ann@example.com")

    with running_asgi(sqlite_core, who=who) as server:
        assert server.ask("GET", "/auth/me").json["user"]["email"] == "ann@example.com"
