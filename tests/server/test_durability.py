"""What was acknowledged is there after ``kill -9``, whatever was going on."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from multiprocessing.connection import Connection

import orjson
import pytest

from reference_server.serve import run
from reference_server.settings import NO_LIMITS, Settings
from reference_server.sockets import bound
from tests.server.processes import Forked

CYCLES = {"sqlite": 20, "postgresql": 5}
WRITERS = 4
WRITES_PER_CYCLE = 40


@pytest.mark.slow
def test_no_write_that_was_acknowledged_is_lost(tmp_path, database_url: str):
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path,
        jwt_secret="x" * 32,
        bcrypt_rounds=4,
        limits=NO_LIMITS,
        log="off",
    )
    names = (f"acme-{number}" for number in itertools.count())
    acknowledged: set[str] = set()
    token = ""
    for _ in range(CYCLES[kind]):
        server = Forked(serve, settings)
        token = token or server.register("ann")
        assert missing(server, token, acknowledged) == set()
        written = write_until_killed(server, token, names)
        assert len(written) >= WRITES_PER_CYCLE
        acknowledged |= written
    server = Forked(serve, settings)
    assert missing(server, token, acknowledged) == set()
    server.kill()
    if kind == "sqlite":
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and say on which port."""
    with bound("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


def write_until_killed(server: Forked, token: str, names) -> set[str]:
    """Write from several threads at once, kill the server in the midst of it; what was acknowledged."""
    acknowledged: list[str] = []
    enough = threading.Semaphore(0)
    lock = threading.Lock()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def write() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            while True:
                with lock:
                    name = next(names)
                said = orjson.dumps({"name": name, "slug": name})
                connection.request("POST", "/organizations", said, headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 201
                acknowledged.append(name)
                enough.release()
        except (OSError, HTTPException):
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(WRITES_PER_CYCLE):
        assert enough.acquire(timeout=20)
    server.kill()
    for writer in writers:
        writer.join(20)
    return set(acknowledged)


def missing(server: Forked, token: str, acknowledged: set[str]) -> set[str]:
    """What was acknowledged, and is not there."""
    answer = server.ask("GET", "/organizations", token=token)
    assert answer.status == 200
    return acknowledged - {each["slug"] for each in answer.json}
