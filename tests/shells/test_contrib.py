"""The helpers that mount the API in FastAPI and Flask applications."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import flask
import pytest
from fastapi import FastAPI, HTTPException, Request
from starlette.testclient import TestClient

from stellary.contract.errors import Unavailable
from stellary.contrib import fastapi as fastapi_helper
from stellary.contrib import flask as flask_helper
from stellary.core import Actor, Core
from tests.server.running import Reachable
from tests.support.shells import serving_asgi, serving_wsgi

LIFE: list[str] = []


@contextmanager
def serving_fastapi(core: Core, **options: Any) -> Iterator[Reachable]:
    """Serve a FastAPI application that has mounted the API for its users."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        LIFE.append("begun")
        yield {"greeting": "hello"}
        LIFE.append("ended")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    def greet(request: Request) -> str:
        return request.state.greeting

    @app.get("/fail")
    def fail() -> None:
        raise Unavailable("It burns", code="busy", retry_after=3)

    def who(request: Request) -> Actor | None:
        user = request.headers.get("x-user")
        return core.user(external_id=user, email=f"{user}@example.com") if user else None

    fastapi_helper.mount(app, "/pm", core, who=who, hide={"auth.login"}, **options)
    with serving_asgi(app) as server:
        yield server


@contextmanager
def serving_flask(core: Core, **options: Any) -> Iterator[Reachable]:
    """Serve a Flask application that has mounted the API for its users."""
    app = flask.Flask("host")

    @app.before_request
    def log_in() -> None:
        flask.g.user = flask.request.headers.get("X-User")

    app.add_url_rule("/", view_func=lambda: "hello")

    @app.get("/fail")
    def fail() -> str:
        raise Unavailable("It burns", code="busy", retry_after=3)

    def who() -> Actor | None:
        user = flask.g.user
        return core.user(external_id=user, email=f"{user}@example.com") if user else None

    api = flask_helper.mount(app, "/pm", core, who=who, hide={"auth.login"}, **options)
    with serving_wsgi(app) as server:
        yield server
    api.close()


@pytest.fixture(params=[serving_fastapi, serving_flask])
def host(request: pytest.FixtureRequest, core: Core) -> Iterator[Any]:
    with request.param(core) as server:
        yield server


def test_users_of_the_host_call_the_api(host):
    assert b"hello" in host.ask("GET", "/").body
    assert host.ask("GET", "/pm/auth/me", x_user="ann").json["user"]["email"] == "ann@example.com"
    assert host.ask("GET", "/pm/auth/me").status == 401
    created = host.ask("POST", "/pm/organizations", {"name": "Toys", "slug": "toys"}, x_user="ann")
    assert created.status == 201, created
    assert host.ask("GET", "/pm/organizations/toys", x_user="bob").status == 404
    assert host.ask("OPTIONS", "/pm/organizations", x_user="ann").status == 405


@pytest.mark.parametrize("serve", [serving_fastapi, serving_flask])
def test_token_ends_with_the_user_of_the_host(core, serve):
    active = {"ann"}
    with serve(core, is_active=active.__contains__) as host:
        body = {"name": "script", "scopes": ["projects:read"]}
        token = host.ask("POST", "/pm/api-tokens", body, x_user="ann").json["token"]
        bearer = f"Bearer {token}"
        assert host.ask("GET", "/pm/organizations", authorization=bearer).status == 200
        active.clear()
        assert host.ask("GET", "/pm/organizations", authorization=bearer).status == 401
        assert host.ask("POST", "/pm/mcp", {}, authorization=bearer).status == 401
        assert host.ask("GET", "/pm/organizations", authorization="Bearer sty_wrong").status == 401
    with serve(core) as host:
        active.add("ann")
        assert host.ask("GET", "/pm/organizations", authorization=bearer).status == 401
        assert host.ask("POST", "/pm/api-tokens", body, x_user="ann").json["code"] == "unknown_path"


def test_paths_and_documentation_have_the_prefix(host):
    document = host.ask("GET", "/pm/openapi.json").json
    assert document["servers"] == [{"url": "/pm"}]
    assert "/auth/login" not in document["paths"]
    assert host.ask("POST", "/pm/auth/login", {}).json["code"] == "unknown_path"
    assert host.ask("GET", "/pm/").json["docs"] == "/pm/docs"


@pytest.mark.parametrize("serve", [serving_fastapi, serving_flask])
def test_pages_of_an_allowed_origin_may_call_the_api(sqlite_core, serve):
    origin = "https://app.example.com"
    with serve(sqlite_core, cors_origins=[origin]) as host:
        preflight = host.ask("OPTIONS", "/pm/auth/me", origin=origin, access_control_request_method="GET")
        assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, origin)
        assert (
            "access-control-allow-origin" not in host.ask("GET", "/pm/auth/me", origin="https://a.b").headers
        )
        change = {"name": "Toys", "slug": "toys"}
        assert host.ask("POST", "/pm/organizations", change, x_user="ann", origin=origin).status == 201


def test_error_of_the_core_in_a_route_of_the_host_is_a_response(host):
    reply = host.ask("GET", "/fail", x_request_id="abc")
    assert (reply.status, reply.headers["retry-after"]) == (503, "3")
    assert (reply.json["message"], reply.json["code"]) == ("It burns", "busy")
    assert reply.json["requestId"] == "abc"


def test_lifespan_of_the_host_runs(sqlite_core):
    LIFE.clear()
    with serving_fastapi(sqlite_core):
        assert LIFE == ["begun"]
    assert LIFE == ["begun", "ended"]


def test_lifespan_of_a_fastapi_host_migrates_and_closes_the_core(tmp_path):
    """Check that the API, with its jobs and streams, runs only while the lifespan of the host does."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        core.migrate()
        yield
        LIFE.append("running" if any(thread.is_alive() for thread in core.work._threads) else "stopped")
        core.close()

    LIFE.clear()
    core = Core(f"sqlite:///{tmp_path}/pm.db")
    app = FastAPI(lifespan=lifespan)
    fastapi_helper.mount(app, "/pm", core)
    with TestClient(app) as client:
        assert client.get("/pm/health/ready").status_code == 200
    assert LIFE == ["stopped"]


def test_host_that_has_not_migrated_is_not_ready(tmp_path):
    core = Core(f"sqlite:///{tmp_path}/pm.db")
    app = FastAPI()
    fastapi_helper.mount(app, "/pm", core, jobs=False)
    with TestClient(app) as client:
        response = client.get("/pm/health/ready")
    core.close()
    assert response.status_code == 503
    message = "the tables in the database are missing or out of date; call core.migrate() first"
    assert response.json()["message"] == message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HTTPException(401, "Could not validate credentials"), [401, "unauthenticated"]),
        (HTTPException(403, "Inactive user"), [403, "forbidden"]),
        (HTTPException(418, "A teapot"), [418, "error"]),
        (HTTPException(502, "The directory is down"), [500, "internal_error"]),
    ],
)
def test_http_exception_of_who_is_the_response(sqlite_core, error, expected):
    async def who(request: Request) -> Actor | None:
        raise error

    app = FastAPI()
    fastapi_helper.mount(app, "/pm", sqlite_core, who=who)
    with TestClient(app) as client:
        response = client.get("/pm/auth/me")
    body = response.json()
    assert [response.status_code, body["code"]] == expected
    assert body["message"] == error.detail or response.status_code == 500
