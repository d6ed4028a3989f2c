"""A database that is away when a server starts: it is waited for, unless it says that it never will do."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from tests.server.processes import ROOT, Process, attempted
from tests.server.test_workers import until


def test_a_server_waits_for_its_database(tmp_path: Path, postgres_url: str):
    here = make_url(postgres_url).query["host"]
    there = tmp_path / "sockets"
    there.mkdir()
    environment = {
        "STELLARY_DATABASE_URL": postgres_url.replace(quote(here, safe=""), quote(str(there), safe=""))
    }
    log = tmp_path / "log"

    def come() -> None:
        until(lambda: log.exists() and "the database is not reachable yet" in log.read_text())
        (there / ".s.PGSQL.5432").symlink_to(Path(here) / ".s.PGSQL.5432")

    coming = threading.Thread(target=come)
    coming.start()
    server = Process(["--port", "0"], environment, tmp_path)
    try:
        coming.join()
        assert server.ask("GET", "/health/ready").status == 200
        assert "waiting up to 60 seconds" in log.read_text()
    finally:
        server.end()


def test_a_server_does_not_wait_for_what_will_not_come(tmp_path: Path, postgres_url: str):
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    code, said = attempted(tmp_path, "--port", "0", environment={"STELLARY_DATABASE_URL": url})
    assert code == 2
    assert 'database "nowhere" does not exist' in said.splitlines()[-1]
    assert "not reachable yet" not in said


def test_patience_ends(tmp_path: Path):
    url = "postgresql://u@127.0.0.1:1/d"
    environment = {"STELLARY_DATABASE_URL": url, "STELLARY_DATABASE_WAIT": "1"}
    code, said = attempted(tmp_path, "--port", "0", environment=environment)
    assert code == 2
    assert "waiting up to 1 seconds" in said
    assert "stellary: the database cannot be used: " in said.splitlines()[-1]


def test_the_unit_of_the_guide_restarts_whatever_happens():
    guide = (ROOT / "docs/guides/self-hosting.md").read_text()
    unit = re.search(r"```ini\n(\[Unit\].*?)```", guide, re.DOTALL)[1]
    assert {"Restart=on-failure", "RestartSec=2", "StartLimitIntervalSec=0"} <= set(unit.splitlines())
