"""Several processes on one port, with PostgreSQL."""

import asyncio
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reference_server import workers
from reference_server.workers import Worker
from tests.server.processes import Process, children_of, memory_of, run_failing, run_process
from tests.support.server_parts import Settings
from tests.support.waiting import wait_until

WATCHER_MEMORY_MAX = 45 * 1024
UP = f"import os, socket; socket.socket(fileno=int(os.environ['{workers.VARIABLE}'])).sendall(b'u')"
"""A program that reports that it accepts requests."""


@pytest.fixture
def pair(tmp_path, postgres_url: str):
    """Yield a server with two workers."""
    with run_process(
        tmp_path, "--workers", "2", environment={"STELLARY_DATABASE_URL": postgres_url}, is_forked=False
    ) as server:
        yield server


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_share_requests_and_logins(pair: Process):
    pids = children_of(pair.pid)
    assert len(pids) == 2
    token = pair.register("ann")
    before = [ticks(pid) for pid in pids]

    def ask(_: int) -> int:
        return pair.ask("GET", "/auth/me", token=token).status

    def all_have_worked() -> bool:
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(100))) == {200}
        return all(after > earlier for after, earlier in zip(map(ticks, pids), before, strict=True))

    wait_until(all_have_worked)
    assert memory_of(pair.pid) <= WATCHER_MEMORY_MAX


def test_dead_worker_is_restarted_while_the_other_serves(pair: Process):
    first, second = children_of(pair.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(children_of(pair.pid)) == 2 and first not in children_of(pair.pid))
    assert second in children_of(pair.pid)
    wait_until(lambda: pair.ask("GET", "/health/ready").status == 200)
    assert "a worker has died (signal 9) and is started again" in pair.log.read_text()


def test_metrics_of_any_worker_cover_all_workers(pair: Process):
    for _ in range(50):
        # Each on a connection of its own, so that both have answered some.
        assert pair.ask("GET", "/").status == 200

    def read_counter() -> str:
        return pair.ask("GET", "/metrics").body.decode()

    answered = 'stellary_requests_total{operation="system.root",status="200"} 50.0'
    assert answered in read_counter()
    assert "stellary_requests_in_flight 1.0" in read_counter()
    first, second = children_of(pair.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: second in children_of(pair.pid) and len(children_of(pair.pid)) == 2)
    wait_until(lambda: "is started again" in pair.log.read_text())
    # What the dead one has counted is kept.
    assert answered in read_counter()
    assert "stellary_requests_in_flight 1.0" in read_counter()


def test_stop_reaches_all_workers(pair: Process):
    pids = children_of(pair.pid)
    pair.signal(signal.SIGTERM)
    assert pair.wait() == 0
    assert all(map(has_ended, pids))


def test_workers_end_with_their_supervisor(pair: Process):
    pids = children_of(pair.pid)
    pair.signal(signal.SIGKILL)
    pair.wait()
    wait_until(lambda: all(map(has_ended, pids)))


def test_startup_error_of_workers_is_printed_once(tmp_path):
    code, stderr = run_failing(
        tmp_path,
        "--workers",
        "3",
        environment={
            "PORT": "0",
            "STELLARY_DATABASE_URL": "postgresql://u@127.0.0.1:1/d",
            "STELLARY_DATABASE_WAIT": "0",
            "JWT_SECRET": "8f3b1c0d9e7a45626b0f4d2c7e1a9583",
        },
    )
    assert code == 2
    assert stderr.startswith("stellary: the database cannot be used: connection failed: ")
    assert stderr.count("\n") == 1


async def test_worker_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "STOPPING_SECONDS", 0.1)
    deaf = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {UP}; time.sleep(60)"
    assert await supervise(deaf, lambda: os.kill(os.getpid(), signal.SIGTERM)) == 0


async def test_worker_that_cannot_start_ends_the_server(tmp_path):
    assert await supervise("raise SystemExit(2)", lambda: None) == 2
    assert await supervise("pass", lambda: None) == 1


async def test_first_worker_may_take_longer_to_start(monkeypatch):
    patience: list[float | None] = []
    wait_for_all = workers._all_up

    async def note_patience(group, over, seconds):
        patience.append(seconds)
        return await wait_for_all(group, over, seconds)

    monkeypatch.setattr(workers, "_all_up", note_patience)
    up = []

    def stop() -> None:
        up.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    assert await supervise(f"{UP}; import time; time.sleep(60)", stop) == 0
    assert (up, patience) == ([True], [None, workers.STARTING_SECONDS])


async def test_stopping_worker_is_not_restarted(monkeypatch):
    monkeypatch.setattr(workers, "PAUSE", 30)
    notices = []

    def stop(sentence: str) -> None:
        notices.append(sentence)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(workers, "_print_notice", stop)
    assert await asyncio.wait_for(supervise(UP, lambda: None), 20) == 0
    assert set(notices) == {"a worker has died (exit code 0) and is started again"}


async def test_worker_stopped_during_its_start_stops(tmp_path):
    environment = {**os.environ, workers.SHARED: str(tmp_path)}
    worker = Worker(environment, [sys.executable, "-c", "import time; time.sleep(60)"])
    keeping = asyncio.create_task(worker.keep())
    await asyncio.sleep(0)
    worker.stop()
    assert await asyncio.wait_for(keeping, 20) == -signal.SIGTERM


async def supervise(program: str, up) -> int:
    """Supervise two workers that run a program, and return the exit code."""
    settings = Settings(database_url="postgresql+psycopg://h/d")
    return await workers.supervise(settings, os.environ, [sys.executable, "-c", program], 2, up)


def ticks(pid: int) -> int:
    """Return the CPU time of a process, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
