"""The system endpoints of the server: root, health, documentation and metrics."""

import base64
import gzip
import hashlib
import re
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from reference_server.metrics import Metrics
from stellary.contract.errors import Unavailable
from stellary.core import NOBODY, Core, FolderBlobs, Measure, UnitTimes
from stellary.core.http import system
from tests.server.running import Running, running
from tests.support.core_parts import Threads
from tests.support.waiting import wait_until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch):
    def nowhere(_: str) -> str:
        raise system.PackageNotFoundError

    monkeypatch.setattr(system, "version", nowhere)
    assert system.product_version() == "0"


def test_docs_page_loads_only_local_resources(sqlite_server: Running):
    page = sqlite_server.ask("GET", "/docs")
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


def test_docs_page_is_cached_and_compressed(sqlite_server: Running):
    packed = sqlite_server.ask("GET", "/docs", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == sqlite_server.ask("GET", "/docs").body
    again = sqlite_server.ask("GET", "/docs", if_none_match=packed.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert sqlite_server.ask("GET", "/docs", if_none_match='"another"').status == 200


@pytest.mark.slow("builds nine pages")
def test_docs_pages_are_kept_for_few_prefixes():
    for number in range(system.PREFIXES_MAX + 1):
        assert system.api_page(f"/{number}/pm") is system.api_page(f"/{number}/pm")
    assert system.api_page.cache_info().currsize == system.PREFIXES_MAX


def test_metrics_are_labelled_by_operation_not_by_path(sqlite_server: Running):
    assert sqlite_server.ask("GET", "/auth/me").status == 401
    for name in ("one", "two"):
        assert sqlite_server.ask("GET", f"/nowhere/{name}").status == 404
    answer = sqlite_server.ask("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = answer.body.decode()
    assert 'stellary_requests_total{operation="auth.me",status="401"} 1.0' in counted
    assert 'stellary_requests_total{operation="none",status="404"} 2.0' in counted
    assert 'stellary_request_seconds_count{operation="auth.me"} 1.0' in counted
    assert "stellary_requests_in_flight 1.0" in counted
    assert "nowhere" not in counted


def read_metrics(server: Running) -> dict[str, float]:
    """Return the samples of ``/metrics`` by name and labels."""
    return parse_metrics(server.ask("GET", "/metrics").body)


def parse_metrics(body: bytes) -> dict[str, float]:
    text = body.decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^(stellary_\S+(?: \S+)*) (\S+)$", text, re.MULTILINE)
    }


def test_metrics_show_the_state_of_the_installation(server: Running, monkeypatch):
    monkeypatch.setattr(system, "MEASURED_EVERY", 0.0)
    core = server.core
    before = read_metrics(server)
    with core.begin(NOBODY) as uow:
        core.enqueue(uow, "of another process", {}, due_at=core.env.clock() - timedelta(minutes=2))
    assert server.ask("GET", "/auth/me", token=server.register()).status == 200
    after = read_metrics(server)
    kind = 'kind="host:of another process"'
    assert after[f'stellary_jobs{{{kind},state="waiting"}}'] == 1.0
    assert 119 < after[f"stellary_job_delay_seconds{{{kind}}}"] < 600
    assert after['stellary_unit_statements_total{operation="auth.me"}'] >= 1
    assert after["stellary_commit_seconds_count"] > before["stellary_commit_seconds_count"]
    assert after["stellary_webhook_messages"] == after["stellary_webhook_delay_seconds"] == 0
    assert ("stellary_disk_free_bytes" in after) == core.database.is_sqlite
    assert ("stellary_lock_waits" in after) != core.database.is_sqlite


def test_metrics_count_waits_and_streams():
    metrics = Metrics({})
    metrics.count_stream(1)
    metrics.count_dropped(3)
    for waited in (0.0009, 0.2):
        times = UnitTimes(writes=True)
        times.operation, times.statements = "cards.create", 2
        times.waited, times.seconds, times.ended_at = waited, 0.3, 0.0
        metrics.end_unit(times)
    values = parse_metrics(metrics.response(()).body)
    assert values['stellary_wait_seconds_count{access="write"}'] == 1
    assert values['stellary_unit_statements_total{operation="cards.create"}'] == 4
    assert (values["stellary_streams"], values["stellary_log_lines_dropped_total"]) == (1, 3)


def test_metrics_are_shown_without_the_database(server: Running, monkeypatch):
    monkeypatch.setattr(system, "MEASURED_EVERY", 0.0)
    assert "stellary_webhook_messages" in read_metrics(server)

    def fail() -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(server.core, "measure", fail)
    assert "stellary_webhook_messages" not in read_metrics(server)


def test_unresponsive_database_is_measured_once(server: Running, monkeypatch):
    monkeypatch.setattr(system, "MEASURED_EVERY", 0.0)
    monkeypatch.setattr(system, "PROBE_PATIENCE", 0.05)
    calls: list[bool] = []
    responds = threading.Event()

    def measure_late() -> tuple[Measure, ...]:
        calls.append(True)
        responds.wait(10)
        return (Measure("stellary_webhook_messages", "", 7),)

    monkeypatch.setattr(server.core, "measure", measure_late)
    try:
        for _ in range(3):
            assert "stellary_webhook_messages" not in read_metrics(server)
        assert len(calls) == 1
    finally:
        responds.set()
    wait_until(lambda: read_metrics(server).get("stellary_webhook_messages") == 7)


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_dashboard_and_alerts_use_metrics_that_exist(server: Running, name: str):
    with server.core.begin(NOBODY) as uow:
        server.core.enqueue(uow, "of another process", {})
    text = (EXAMPLES / name).read_text()
    metrics = server.ask("GET", "/metrics").body.decode()
    exists = set(re.findall(r"^# TYPE (\S+) ", metrics, re.MULTILINE)) | {
        "stellary_disk_free_bytes",
        "stellary_lock_waits",
    }
    histograms = {f"{metric}_{part}" for metric in exists for part in ("bucket", "sum", "count")}
    used = set(re.findall(r"stellary_[a-z_]+", text))
    assert used
    assert used <= exists | histograms


def test_responses_must_not_be_cached(sqlite_server: Running):
    for path in ("/", "/health/ready", "/auth/me", "/nowhere"):
        assert sqlite_server.ask("GET", path).headers["cache-control"] == "no-store"


@pytest.fixture
def probe_each_time(monkeypatch):
    """Let each request for the readiness look at the database."""
    monkeypatch.setattr(system, "PROBE_EVERY", 1e-6)


def test_server_without_its_database_is_not_ready(probe_each_time, server: Running):
    assert problem_of(server) is None
    broken = Core("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    server.core.units.database, whole = broken.database, server.core.database
    try:
        assert problem_of(server) == "the database cannot be written"
        assert server.ask("GET", "/health/live").status == 200
    finally:
        server.core.units.database = whole
    assert problem_of(server) is None


def test_server_with_a_read_only_database_is_not_ready(probe_each_time, sqlite_server: Running):
    def read_only(word: str) -> None:
        with sqlite_server.core.database.open_raw() as connection:
            connection.connection.dbapi_connection.execute(f"PRAGMA query_only={word}")

    assert problem_of(sqlite_server) is None
    read_only("on")
    assert problem_of(sqlite_server) == "the database cannot be written"
    read_only("off")
    assert problem_of(sqlite_server) is None


def test_server_on_a_full_disk_is_not_ready(probe_each_time, sqlite_server: Running, monkeypatch):
    monkeypatch.setattr(system, "FREE_BYTES_MIN", 1 << 62)
    assert problem_of(sqlite_server) == "the disk is full"


def test_server_without_a_usable_file_store_is_not_ready(probe_each_time, sqlite_url: str, tmp_path):
    path = tmp_path / "files"
    path.write_text("This is a file.")
    core = Core(sqlite_url, bcrypt_rounds=4, blobs=FolderBlobs(path))
    with closing(core), running(core) as server:
        assert "file store" in problem_of(server)


async def test_server_with_an_unresponsive_database_is_not_ready(sqlite_core: Core, monkeypatch):
    monkeypatch.setattr(system, "PROBE_PATIENCE", 0.05)
    threads = Threads(sqlite_core)
    probe = system.database_probe(sqlite_core, threads)
    with sqlite_core.database.writing():
        for _ in range(2):
            with pytest.raises(Unavailable, match="the database does not answer"):
                await probe.check()
    await threads.close(5)


async def test_readiness_is_checked_at_most_once_a_second(sqlite_core: Core, monkeypatch):
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


def problem_of(server: Running) -> str | None:
    """Return the reason why a server is not ready; None if it is ready."""
    answer = server.ask("GET", "/health/ready")
    if answer.status == 200:
        return None
    assert (answer.status, answer.headers["retry-after"], answer.json["code"]) == (503, "1", "not_ready")
    return answer.json["message"]
