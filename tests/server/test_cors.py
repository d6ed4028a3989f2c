"""The pages that may call the API from a browser."""

import pytest

from tests.server.running import Running, running
from tests.support.core_parts import NO_LIMITS
from tests.support.server_parts import Settings

HERE, ELSEWHERE = "https://app.example", "https://evil.example"


@pytest.fixture
def open_server(sqlite_core):
    with running(sqlite_core, Settings(limits=NO_LIMITS, cors_origins=(HERE,))) as server:
        yield server


def cors_headers(answer) -> dict[str, str]:
    return {
        name: text for name, text in answer.headers.items() if name.startswith(("access-control", "vary"))
    }


def preflight(server: Running, origin: str):
    return server.ask("OPTIONS", "/auth/me", origin=origin, access_control_request_method="PATCH")


def test_no_origin_is_allowed_by_default(sqlite_server: Running):
    assert cors_headers(sqlite_server.ask("GET", "/auth/me", origin=HERE)) == {}
    answer = preflight(sqlite_server, HERE)
    assert answer.status == 405
    assert cors_headers(answer) == {}


def test_other_origin_is_rejected(open_server: Running):
    assert cors_headers(open_server.ask("GET", "/auth/me", origin=ELSEWHERE)) == {"vary": "Origin"}
    assert "access-control-allow-origin" not in preflight(open_server, ELSEWHERE).headers


def test_credentials_of_the_browser_are_never_allowed(open_server: Running):
    assert "access-control-allow-credentials" not in preflight(open_server, HERE).headers


def test_wildcard_allows_all_origins(sqlite_core):
    with running(sqlite_core, Settings(limits=NO_LIMITS, cors_origins=("*",))) as server:
        assert server.ask("GET", "/auth/me", origin=ELSEWHERE).headers["access-control-allow-origin"] == "*"


def test_options_without_a_preflight_header_is_method_not_allowed(open_server: Running):
    assert open_server.ask("OPTIONS", "/auth/me", origin=HERE).status == 405
