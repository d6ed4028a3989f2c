"""The handler with requests that a host, an attacker or a defect has made unusual."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from stellary.contract.endpoints import ENDPOINTS
from stellary.core.http import system
from stellary.core.http.api import make_router
from tests.server.running import Running
from tests.support.core_parts import SERVICES


@pytest.mark.slow("calls each endpoint")
def test_all_endpoints_of_the_contract_are_served(sqlite_server: Running):
    system_operations = {
        f"system.{name}" for name in ("root", "health", "ready", "openapi", "docs", "metrics")
    }
    assert {endpoint.operation for endpoint in ENDPOINTS} == {*SERVICES, *system_operations, "mcp.endpoint"}
    for endpoint in ENDPOINTS:
        answer = sqlite_server.ask(endpoint.method, endpoint.path.replace(":", ""))
        expected = 400 if endpoint.policy.role == "public" else 401
        assert answer.status == (200 if endpoint.operation in system_operations else expected), endpoint


def test_endpoint_without_a_handler_prevents_the_start():
    served = [
        *("system.root", "system.health", "system.openapi", "system.docs", "system.metrics"),
        "mcp.endpoint",
    ]
    handlers = dict.fromkeys(served)
    with pytest.raises(RuntimeError, match=r"^no service for system\.ready$"):
        make_router(handlers)


def test_defect_returns_500_without_details(sqlite_server: Running, monkeypatch, caplog):
    def broken() -> None:
        raise LookupError("s3cret")

    monkeypatch.setattr(system, "product_version", broken)
    answer = sqlite_server.ask("GET", "/", x_request_id="abc")
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


def test_request_without_a_token_is_rejected_before_its_body_is_read(sqlite_server: Running):
    with sqlite_server.connect() as connection:
        connection.sendall(
            b"POST /organizations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        assert b"401 Unauthorized" in connection.recv(1000)


def test_body_of_a_request_whose_fields_are_in_the_query_is_refused(sqlite_server: Running):
    token = sqlite_server.register()
    answer = sqlite_server.ask("GET", "/auth/me", {"noSuchField": 1}, token=token)
    assert (answer.status, answer.json["message"]) == (400, "noSuchField is not a field of this request")
    assert sqlite_server.ask("GET", "/auth/me", {}, token=token).status == 200


def test_request_ids_are_unique(sqlite_server: Running):
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: sqlite_server.ask("GET", "/nowhere"), range(200))
        assert len({answer.headers["x-request-id"] for answer in answers}) == 200
