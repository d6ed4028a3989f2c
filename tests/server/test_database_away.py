"""A database that is unreachable when a server starts: the server waits for it, unless the error is permanent."""

import re
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from reference_server import serve
from reference_server.settings import SettingsError
from stellary.core import Core
from tests.server.processes import ROOT, Process, run_failing
from tests.support.waiting import wait_until


def test_server_waits_for_its_database(tmp_path: Path, postgres_url: str):
    here = make_url(postgres_url).query["host"]
    there = tmp_path / "sockets"
    there.mkdir()
    environment = {
        "STELLARY_DATABASE_URL": postgres_url.replace(quote(here, safe=""), quote(str(there), safe=""))
    }
    log = tmp_path / "log"

    def start_database() -> None:
        wait_until(lambda: log.exists() and "the database is not reachable yet" in log.read_text())
        (there / ".s.PGSQL.5432").symlink_to(Path(here) / ".s.PGSQL.5432")

    starting_thread = threading.Thread(target=start_database)
    starting_thread.start()
    server = Process(["--port", "0"], environment, tmp_path)
    try:
        starting_thread.join()
        assert server.ask("GET", "/health/ready").status == 200
        assert "waiting up to 60 seconds" in log.read_text()
    finally:
        server.end()


def test_server_does_not_wait_for_a_missing_database(tmp_path: Path, postgres_url: str):
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    code, stderr = run_failing(tmp_path, "--port", "0", environment={"STELLARY_DATABASE_URL": url})
    assert code == 2
    assert 'database "nowhere" does not exist' in stderr.splitlines()[-1]
    assert "not reachable yet" not in stderr


def test_waiting_ends_after_the_limit(monkeypatch, caplog):
    monkeypatch.setattr(serve, "RECONNECT_SECONDS", 0.01)
    core = Core("postgresql://u@127.0.0.1:1/d")
    with closing(core), pytest.raises(SettingsError, match="the database cannot be used: connection failed"):
        serve.migrate(core, 0.1)
    (record,) = caplog.records
    assert "the database is not reachable yet; waiting up to" in record.getMessage()


def test_systemd_units_of_the_guides_restart_after_failures():
    guide = (ROOT / "docs/guides/self-hosting.md").read_text()
    unit = re.search(r"```ini\n(\[Unit\].*?)```", guide, re.DOTALL)[1]
    assert {"Restart=on-failure", "RestartSec=2", "StartLimitIntervalSec=0"} <= set(unit.splitlines())
    for path in (ROOT / "docs/examples/two_machines").glob("*.service"):
        before_service, service = path.read_text().split("[Service]")
        # Without a pause, systemd gives up after five failures within ten seconds.
        assert "StartLimitIntervalSec=0" in before_service.splitlines(), path
        assert {"Restart=always", "RestartSec=2"} <= set(service.splitlines()), path
