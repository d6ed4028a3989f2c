"""What the server says of itself."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import time

import pytest

from reference_server import system
from reference_server.threads import Threads
from stellary.contract.errors import Unavailable
from stellary.core import Core
from tests.server.running import Running


def test_the_root_says_what_answers_here(one_server: Running):
    assert one_server.ask("GET", "/").json == {
        "name": "Stellary",
        "version": system.product_version(),
        "openapi": "/openapi.json",
        "docs": "/docs",
    }


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch):
    def nowhere(_: str) -> str:
        raise system.PackageNotFoundError

    monkeypatch.setattr(system, "version", nowhere)
    assert system.product_version() == "0"


def test_it_is_alive_and_ready(server: Running):
    assert server.ask("GET", "/health/live").json == {"status": "ok"}
    assert server.ask("GET", "/health/ready").json == {"status": "ready"}


def test_the_document_describes_the_api(one_server: Running):
    document = one_server.ask("GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert "/auth/login" in document["paths"]
    assert one_server.ask("GET", "/openapi.json").json == document


def test_the_page_shows_the_document_and_asks_nobody_else(one_server: Running):
    page = one_server.ask("GET", "/docs")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.body.decode()
    assert 'url: "/openapi.json"' in text
    assert 'const issuing = ["/auth/login", "/auth/register"];' in text
    # What it may load: its own scripts, as they are, and this server's answers.
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; connect-src 'self';" in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=\"(?!data:,)", text)


def test_the_page_is_sent_once_and_packed(one_server: Running):
    packed = one_server.ask("GET", "/docs", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == one_server.ask("GET", "/docs").body
    again = one_server.ask("GET", "/docs", if_none_match=packed.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert one_server.ask("GET", "/docs", if_none_match='"another"').status == 200


def test_metrics_count_by_operation_and_never_by_path(one_server: Running):
    assert one_server.ask("GET", "/auth/me").status == 401
    for name in ("one", "two"):
        assert one_server.ask("GET", f"/nowhere/{name}").status == 404
    answer = one_server.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = answer.body.decode()
    assert 'stellary_requests_total{operation="auth.me",status="401"} 1.0' in counted
    assert 'stellary_requests_total{operation="none",status="404"} 2.0' in counted
    assert 'stellary_request_seconds_count{operation="auth.me"} 1.0' in counted
    assert "stellary_requests_in_flight 1.0" in counted
    assert "nowhere" not in counted


def test_answers_are_not_kept_by_anybody_in_between(one_server: Running):
    for path in ("/", "/health/ready", "/auth/me", "/nowhere"):
        assert one_server.ask("GET", path).headers["cache-control"] == "no-store"


def test_it_is_not_ready_without_its_database(server: Running):
    assert server.ask("GET", "/health/ready").status == 200
    broken = Core("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    server.core.units.database, whole = broken.database, server.core.database
    try:
        assert not_ready(server) == "the database cannot be written"
        assert server.ask("GET", "/health/live").status == 200
    finally:
        server.core.units.database = whole
    assert ready_again(server)


def test_it_is_not_ready_while_its_database_cannot_be_written(one_server: Running):
    def read_only(word: str) -> None:
        with one_server.core.database.unbegun() as connection:
            connection.connection.dbapi_connection.execute(f"PRAGMA query_only={word}")

    assert one_server.ask("GET", "/health/ready").status == 200
    read_only("on")
    assert not_ready(one_server) == "the database cannot be written"
    read_only("off")
    assert ready_again(one_server)


def test_it_is_not_ready_on_a_disk_that_is_full(one_server: Running, monkeypatch):
    monkeypatch.setattr(system, "FREE_BYTES_MIN", 1 << 62)
    assert not_ready(one_server) == "the disk is full"


async def test_a_database_that_does_not_answer_is_not_ready(sqlite_core: Core, monkeypatch):
    monkeypatch.setattr(system, "PROBE_PATIENCE", 0.05)
    threads = Threads(sqlite_core)
    probe = system.database_probe(sqlite_core, threads)
    with sqlite_core.database.writing():
        for _ in range(2):
            with pytest.raises(Unavailable, match="the database does not answer"):
                await probe.check()
    await threads.close(5)


async def test_however_many_ask_it_is_tried_once_a_second(sqlite_core: Core, monkeypatch):
    tries: list[float] = []
    whole = sqlite_core.probe
    monkeypatch.setattr(sqlite_core, "probe", lambda: (tries.append(time.monotonic()), whole()))
    threads = Threads(sqlite_core)
    probe = system.database_probe(sqlite_core, threads)
    for _ in range(100):
        await probe.check()
    assert len(tries) == 1
    monkeypatch.setattr(system, "PROBE_EVERY", 0.0)
    await probe.check()
    assert len(tries) == 2
    await threads.close(5)


def not_ready(server: Running) -> str:
    """What is wrong, once it has been noticed."""
    for _ in range(200):
        answer = server.ask("GET", "/health/ready")
        if answer.status == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.json["code"] == "not_ready"
            return answer.json["message"]
        time.sleep(0.02)
    raise AssertionError("it stays ready")


def ready_again(server: Running) -> bool:
    for _ in range(200):
        if server.ask("GET", "/health/ready").status == 200:
            return True
        time.sleep(0.02)
    return False
