"""The FastAPI application of the guide: its own tests, and the servers that run it."""

import signal
import threading
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from stellary.core import Core
from tests.server.listening import listening
from tests.server.processes import ForkedProgram
from tests.support.fastapi_hosts import HOST, Server, build_environment, run_prestart, run_pytest, serving

pytestmark = [pytest.mark.slow("starts a process"), pytest.mark.wide(when="hosts")]

TEST_COUNT = 18
"""The number of tests of the example."""
EVENTS = "/board/orgs/helpdesk/workspaces/support/events"
STOP_SECONDS = 30.0
WRITES_MAX = 10_000
USER = {"email": "ann@example.com", "name": "Ann", "password": "correct horse"}


def run(program: Any, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """Run a function in the folder of the host; return its exit code and its output."""
    process = ForkedProgram([], environment, HOST, folder / "log", program)
    with process.stdout as output:
        text = output.read()
    return process.wait(300), text + (folder / "log").read_text()


def test_tests_of_the_example_pass(database_url, tmp_path):
    code, output = run(run_pytest, build_environment(tmp_path, database_url), tmp_path)
    assert (code, f"{TEST_COUNT} passed" in output) == (0, True), output


@pytest.fixture(
    params=[
        "uvicorn on sqlite",
        *[
            pytest.param(f"{name} on postgresql", marks=pytest.mark.postgres)
            for name in ("uvicorn", "hypercorn", "gunicorn")
        ],
    ]
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Yield a server with two processes on PostgreSQL, or with one on SQLite."""
    name, _, database = request.param.partition(" on ")
    database_url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[database])
    environment = build_environment(tmp_path, database_url)
    code, output = run(run_prestart, environment, tmp_path)
    assert code == 0, output
    with serving(name, 1 if database == "sqlite" else 2, environment, tmp_path / "server") as server:
        server.database_url = database_url
        yield server


def write_until_stopped(server: Server, token: str, name: str, acknowledged: list[str]) -> None:
    """Open tickets until the server refuses connections; collect the cards of those that it has confirmed."""
    for number in range(WRITES_MAX):
        try:
            reply = server.ask("POST", "/tickets", {"subject": f"{name} {number}"}, token)
        except (OSError, HTTPException):
            return
        if reply.status == 201:
            acknowledged.append(reply.json["card_id"])


def test_server_reads_writes_streams_and_stops(server):
    """Check that SIGTERM ends an open stream and the process, and that no confirmed write is lost."""
    assert server.ask("POST", "/users", USER).status == 201
    core = Core(server.database_url)
    with core.database.writing() as connection:
        # Only the staff may follow the board.
        connection.exec_driver_sql("UPDATE users SET is_staff = true")
    token = server.ask("POST", "/login", USER).json["token"]
    assert server.ask("POST", "/tickets", {"subject": "Before"}, token).status == 201
    acknowledged: list[str] = []
    writers = [
        threading.Thread(target=write_until_stopped, args=(server, token, name, acknowledged))
        for name in ("left", "right")
    ]
    with listening(server, EVENTS, token) as client:
        assert client.block() == {"retry": "1000"}
        for writer in writers:
            writer.start()
        assert client.event()["type"] == "card_created"
        server.process.send_signal(signal.SIGTERM)
        assert client.ends()
        assert server.process.wait(STOP_SECONDS) in (0, -signal.SIGTERM)
    for writer in writers:
        writer.join(STOP_SECONDS)
        assert not writer.is_alive()
    log = server.log.read_text()
    assert "Traceback" not in log, log
    with core.database.reading() as connection:
        stored = set(connection.exec_driver_sql("SELECT card_id FROM tickets").scalars())
        cards = set(connection.exec_driver_sql("SELECT id FROM stellary_cards").scalars())
    core.close()
    assert acknowledged
    assert set(acknowledged) <= stored <= cards
