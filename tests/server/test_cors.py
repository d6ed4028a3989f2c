"""Which pages may call the API from a browser."""

from __future__ import annotations

import pytest

from reference_server.settings import NO_LIMITS, Settings
from tests.server.running import Running, running

HERE, ELSEWHERE = "https://app.example", "https://evil.example"


@pytest.fixture
def open_server(sqlite_core):
    with running(sqlite_core, Settings(limits=NO_LIMITS, cors_origins=(HERE,))) as server:
        yield server


def allowed(answer) -> dict[str, str]:
    return {
        name: text for name, text in answer.headers.items() if name.startswith(("access-control", "vary"))
    }


def preflight(server: Running, origin: str):
    return server.ask("OPTIONS", "/auth/me", origin=origin, access_control_request_method="PATCH")


def test_none_may_unless_it_is_set(one_server: Running):
    assert allowed(one_server.ask("GET", "/auth/me", origin=HERE)) == {}
    answer = preflight(one_server, HERE)
    assert answer.status == 405
    assert allowed(answer) == {}


def test_one_that_is_set_may(open_server: Running):
    answer = preflight(open_server, HERE)
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers["access-control-allow-origin"] == HERE
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    # Errors too, so that the page can read what was wrong.
    answer = open_server.ask("GET", "/auth/me", origin=HERE)
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == HERE
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


def test_another_may_not(open_server: Running):
    assert allowed(open_server.ask("GET", "/auth/me", origin=ELSEWHERE)) == {"vary": "Origin"}
    assert "access-control-allow-origin" not in preflight(open_server, ELSEWHERE).headers


def test_a_page_never_gets_to_use_what_a_browser_keeps(open_server: Running):
    assert "access-control-allow-credentials" not in preflight(open_server, HERE).headers


def test_all_may_where_all_are_set(sqlite_core):
    with running(sqlite_core, Settings(limits=NO_LIMITS, cors_origins=("*",))) as server:
        assert server.ask("GET", "/auth/me", origin=ELSEWHERE).headers["access-control-allow-origin"] == "*"


def test_options_without_a_question_is_a_method_like_others(open_server: Running):
    assert open_server.ask("OPTIONS", "/auth/me", origin=HERE).status == 405
