"""Faults of PostgreSQL under load: acknowledged writes are stored once, other writes at most once.

Each client repeats a write with its Idempotency-Key until it is acknowledged, as the SDK does: a connection that is lost at
COMMIT leaves it open whether the write was done.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import orjson
import psycopg
import pytest

from stellary.core import Core
from tests.faults.postgres_server import PostgresServer, Proxy, running_server
from tests.support.boards import Board
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.wide(when="faults")]

CLIENTS = 4
PATIENCE = 60.0
EXPECTED = {201, 409, 503}
"""What a client may be told: done, still under way, or to try again. Never a 500."""


class Load:
    """Clients that create cards until they are stopped.

    Attributes:
        acknowledged: The titles of the cards that were acknowledged.
        acknowledged_at: When they were, in seconds of the monotonic clock.
        answers: How often each status was answered.
    """

    def __init__(self, board: Board, pause: float = 0.0) -> None:
        """Prepare the clients, each of which waits for ``pause`` seconds between its writes."""
        self.board = board
        self.pause = pause
        self.acknowledged: list[str] = []
        self.acknowledged_at: list[float] = []
        self.answers: Counter[int] = Counter()
        self.unfinished: list[str] = []
        self._stopping = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._write, daemon=True) for _ in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(PATIENCE + 10)

    def wait_for_more(self, count: int) -> None:
        """Wait until ``count`` more writes are acknowledged."""
        target = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= target, PATIENCE)

    def _write(self) -> None:
        path = f"{self.board.path}/columns/{self.board.columns[0]['id']}/cards"
        while not self._stopping.is_set():
            title = str(next(self._numbers))
            ends = time.monotonic() + PATIENCE
            while True:
                answer = self.board.world.call(
                    self.board.owner, "POST", path, {"title": title}, idempotency_key=title
                )
                self.answers[answer.status] += 1
                if answer.status == 201:
                    self.acknowledged.append(title)
                    self.acknowledged_at.append(time.monotonic())
                    time.sleep(self.pause)
                    break
                if time.monotonic() > ends:
                    self.unfinished.append(title)
                    return
                time.sleep(max(self.pause, 0.02))

    def _read_cards(self) -> Any:
        ends = time.monotonic() + PATIENCE
        while True:
            answer = self.board.world.call(self.board.owner, "GET", f"{self.board.path}/cards")
            if answer.status == 200:
                return orjson.loads(answer.body)
            # A connection that was idle during the fault is found to be lost when it is used.
            assert answer.status == 503
            assert time.monotonic() < ends
            time.sleep(0.02)

    def check(self) -> None:
        """Compare what is stored with what was acknowledged.

        Raises:
            AssertionError: A write was lost or repeated, or a client received an internal error.
        """
        stored = Counter(card["title"] for card in self._read_cards())
        assert set(self.answers) <= EXPECTED
        assert self.unfinished == []
        assert stored == Counter(self.acknowledged)


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[PostgresServer, Proxy]]:
    with running_server() as running:
        server, _ = running
        with closing(Core(f"postgresql+psycopg://postgres@/faults?host={server.data}")) as core:
            core.migrate()
        yield running


@pytest.fixture
def load(machine) -> Iterator[Load]:
    _, proxy = machine
    with closing(Core(proxy.url, bcrypt_rounds=4)) as core:
        world = World(core)
        ann = world.person(f"ann-{random.randrange(2**32)}")
        yield Load(Board(world, ann, world.home(ann)))
        proxy.fate = lambda: "pass"


def pause():
    time.sleep(random.uniform(0.0, 0.15))


def terminate_backends(server, proxy):
    assert server.terminate_backends() > 0


def reset_connections(server, proxy):
    proxy.cut_some(0.7)


def restart_server(server, proxy):
    server.crash()
    pause()
    server.start()


@pytest.mark.parametrize("fail", [terminate_backends, reset_connections, restart_server])
def test_no_write_is_lost_or_repeated_when_connections_end(machine, load, rounds, fail):
    with load.running():
        for _ in range(rounds):
            load.wait_for_more(5)
            pause()
            fail(*machine)
        load.wait_for_more(5)
    load.check()


@pytest.mark.parametrize("fate", ["lose request", "lose answer", "freeze"])
def test_connections_that_are_lost_or_frozen_at_commit(machine, load, rounds, fate):
    _, proxy = machine
    hit: list[str] = []

    def decide():
        if random.random() > 0.1:
            return "pass"
        hit.append(fate)
        return fate

    proxy.fate = decide
    with load.running():
        load.wait_for_more(10 * rounds)
        proxy.fate = lambda: "pass"
        load.wait_for_more(5)
    assert hit
    load.check()


def test_list_has_no_change_that_a_crash_of_the_server_has_lost(machine, load):
    """Without ``synchronous_commit``, a change can be lost although the server itself is not restarted, and its id is used again."""
    server, _ = machine
    load.board.card("Kept")
    path, number = f"{load.board.path}/cards", "SELECT pg_current_xact_id()"

    def read_titles() -> list[str] | None:
        answer = load.board.world.call(load.board.owner, "GET", path)
        return [card["title"] for card in orjson.loads(answer.body)] if answer.status == 200 else None

    with server.connect() as connection, server.connect() as victim:
        writer = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
        (pid,) = writer.fetchone() or (0,)
        connection.execute("CHECKPOINT")
        os.kill(pid, signal.SIGSTOP)
        assert read_titles() == ["Kept"]
        connection.execute("SET synchronous_commit = off")
        connection.execute("UPDATE stellary_cards SET title = 'Lost' WHERE title = 'Kept'")
        assert read_titles() == read_titles() == ["Lost"]
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        with suppress(psycopg.OperationalError):
            while connection.execute("SELECT 1"):
                time.sleep(0.01)
        os.kill(pid, signal.SIGCONT)
    wait_until(server.is_ready)
    with server.connect() as connection:
        for _ in range(10):
            connection.execute(number)
    wait_until(lambda: read_titles() is not None)
    assert read_titles() == ["Kept"]
