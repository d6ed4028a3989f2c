"""What the handler does with requests that a host, an attacker or a defect has made unusual."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server import system
from reference_server.handler import make_router
from stellary.contract.endpoints import ENDPOINTS
from stellary.core.api.dispatch import SERVICES
from tests.server.running import Running


def test_every_endpoint_of_the_contract_is_served(one_server: Running):
    own = {f"system.{name}" for name in ("root", "health", "ready", "openapi", "docs", "metrics")}
    assert {each.operation for each in ENDPOINTS} == {*SERVICES, *own, "mcp.endpoint"}
    for endpoint in ENDPOINTS:
        answer = one_server.ask(endpoint.method, endpoint.path.replace(":", ""))
        assert answer.status == (
            200 if endpoint.operation in own else 400 if endpoint.policy.role == "public" else 401
        ), endpoint


def test_an_endpoint_that_nobody_serves_keeps_it_from_starting():
    served = [
        "system.root",
        "system.health",
        "system.openapi",
        "system.docs",
        "system.metrics",
        "mcp.endpoint",
    ]
    own = dict.fromkeys(served)
    with pytest.raises(RuntimeError, match=r"^no service for system\.ready$"):
        make_router(own)


def test_a_defect_is_told_as_one_and_no_more(one_server: Running, monkeypatch, caplog):
    def broken() -> None:
        raise LookupError("s3cret")

    monkeypatch.setattr(system, "product_version", broken)
    answer = one_server.ask("GET", "/", x_request_id="abc")
    assert answer.status == 500
    assert answer.json == {
        "statusCode": 500,
        "message": "the server has failed; the request id helps to find out why",
        "error": "Internal Server Error",
        "code": "internal_error",
        "requestId": "abc",
    }
    assert "request abc failed" in caplog.text
    assert "LookupError: s3cret" in caplog.text


def test_who_sends_no_token_is_told_before_his_body_is_read(one_server: Running):
    with one_server.connect() as connection:
        connection.sendall(
            b"POST /organizations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        assert b"401 Unauthorized" in connection.recv(1000)


def test_a_body_where_none_is_asked_for_is_ignored(one_server: Running):
    token = one_server.register()
    assert one_server.ask("GET", "/auth/me", b"{" * 1000, token=token).status == 200


def test_no_two_requests_have_the_same_id(one_server: Running):
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: one_server.ask("GET", "/nowhere"), range(200))
        assert len({answer.headers["x-request-id"] for answer in answers}) == 200
