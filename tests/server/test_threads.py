"""Threads and the bounded queues before them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from stellary.contract.errors import Unavailable
from stellary.contract.refs import ProjectRef
from stellary.core import Core
from stellary.core.db.postgres import READERS, WRITERS
from stellary.core.http.large_reads import KNOWN_MAX, LARGE_SECONDS, LargeReads, ReadKey
from stellary.core.http.shares import Owner, Shares
from stellary.core.http.threads import LARGE_READERS, Pool, Threads
from stellary.core.wizard.reader import BriefReader
from tests.support.boards import Board
from tests.support.world import World


@pytest.fixture
def pool():
    pool = Pool("test", 1, 3)
    yield pool
    pool.stop()
    pool.join(5)


async def test_job_returns_its_result(pool: Pool):
    assert await pool.run(lambda: 5) == 5


async def test_job_raises_its_error(pool: Pool):
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    assert await pool.run(lambda: 5) == 5


async def test_jobs_run_in_order(pool: Pool):
    done: list[int] = []
    await asyncio.gather(*(pool.run(lambda number=number: done.append(number)) for number in range(3)))
    assert done == [0, 1, 2]


async def test_job_beyond_the_queue_is_rejected(pool: Pool):
    gate = threading.Event()
    waiting = [pool.run(gate.wait) for _ in range(3)]
    with pytest.raises(Unavailable) as raised:
        pool.run(gate.wait)
    assert raised.value.retry_after == 1
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await pool.run(lambda: 5) == 5


async def test_job_without_a_waiter_is_finished(pool: Pool):
    gate, done = threading.Event(), threading.Event()
    blocked = pool.run(gate.wait)
    forgotten = pool.run(done.set)
    forgotten.cancel()
    gate.set()
    await blocked
    await pool.run(lambda: None)
    assert done.is_set()


def test_a_job_whose_loop_is_closed_ends_its_thread_quietly():
    pool = Pool("test", 1, 3)
    gate = threading.Event()

    async def leave_it_behind() -> None:
        pool.run(gate.wait)

    asyncio.run(leave_it_behind())
    gate.set()
    pool.join(5)
    assert not pool._threads[0].is_alive()


async def test_sqlite_has_one_thread_that_writes_and_two_that_read(sqlite_core):
    threads = Threads(sqlite_core)
    assert {mode: len(pool._threads) for mode, pool in threads.pools.items()} == {
        "read": 2,
        "write": 1,
        "self_managed": 2,
    }
    await threads.close(5)


async def test_postgres_has_a_thread_for_each_connection(postgres_url):
    core = Core(postgres_url)
    threads = Threads(core)
    assert {mode: len(pool._threads) for mode, pool in threads.pools.items()} == {
        "read": READERS - LARGE_READERS,
        "write": WRITERS,
        "self_managed": 2,
    }
    await threads.close(5)
    core.close()


BOARD = ReadKey("projects.board", ProjectRef("acme", "eng", "1" * 24), is_page=False)


def use_processor(seconds: float) -> str:
    """Use the processor for some seconds, and return the name of the thread."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return threading.current_thread().name


async def test_a_read_that_was_large_runs_apart_until_it_is_small_again(sqlite_core):
    threads = Threads(sqlite_core)
    page = BOARD._replace(is_page=True)
    large, small = (partial(use_processor, seconds) for seconds in (LARGE_SECONDS, 0))
    names = [await threads.read(key, job) for key, job in ((BOARD, large), (BOARD, small), (BOARD, small))]
    assert [name.rpartition("-")[0] for name in names] == [
        "stellary-read",
        "stellary-large-read",
        "stellary-read",
    ]
    await threads.read(BOARD, large)
    assert (await threads.read(page, small)).startswith("stellary-read")
    await threads.close(5)


async def test_small_reads_do_not_wait_for_large_ones(sqlite_core):
    threads = Threads(sqlite_core)
    await threads.read(BOARD, partial(use_processor, LARGE_SECONDS))
    gate = threading.Event()
    large = [threads.read(BOARD, gate.wait) for _ in range(5)]
    other = BOARD._replace(operation="auth.me")
    assert await threads.read(other, lambda: "done") == "done"
    assert not any(future.done() for future in large)
    gate.set()
    await asyncio.gather(*large)
    await threads.close(5)


def test_large_reads_do_not_pile_up_without_end():
    reads = LargeReads()
    keys = [BOARD._replace(operation=f"{number}") for number in range(KNOWN_MAX + 1)]
    for key in keys:
        reads.record(key, LARGE_SECONDS)
    assert [key in reads for key in (keys[0], keys[1], keys[-1])] == [False, True, True]


ACME = Owner("acme/eng", "1" * 24)
SAME_WORKSPACE = Owner("acme/eng", "2" * 24)
OTHER = Owner("other/eng", "3" * 24)


@pytest.fixture
def shared():
    pool = Pool("test", 8, 17, shares=Shares(8))
    yield pool
    pool.stop()
    pool.join(5)


class Blocked:
    """Jobs that wait at a gate, and count how many have started."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.running: list[asyncio.Future[bool]] = []

    def add(self, owner: Owner, count: int) -> None:
        self.running += [self.pool.run(self._wait, owner) for _ in range(count)]

    def _wait(self) -> bool:
        self.started.release()
        return self.gate.wait(20)

    async def end(self) -> list[bool]:
        self.gate.set()
        return await asyncio.gather(*self.running)


async def test_a_project_has_half_of_the_threads_and_a_workspace_three_quarters(shared: Pool):
    blocked = Blocked(shared)
    blocked.add(ACME, 6)
    blocked.add(SAME_WORKSPACE, 4)
    # Two threads are left for other workspaces.
    assert await asyncio.gather(*[shared.run(lambda: 5, OTHER) for _ in range(2)]) == [5, 5]
    assert await shared.run(lambda: 5) == 5
    started_count = 0
    while blocked.started.acquire(blocking=False):
        started_count += 1
    assert started_count == 6
    assert await blocked.end() == [True] * 10


async def test_deferred_jobs_run_once_their_owner_has_threads_again(shared: Pool):
    blocked = Blocked(shared)
    blocked.add(ACME, 4)
    done: list[int] = []
    jobs = [shared.run(lambda number=number: done.append(number), ACME) for number in range(6)]
    await shared.run(lambda: None, OTHER)
    assert done == []
    await blocked.end()
    await asyncio.gather(*jobs)
    assert sorted(done) == list(range(6))


async def test_deferred_jobs_leave_room_in_the_queue(shared: Pool):
    blocked = Blocked(shared)
    blocked.add(ACME, 4 + 12)
    with pytest.raises(Unavailable) as raised:
        blocked.add(ACME, 1)
    assert raised.value.code == "busy"
    assert await shared.run(lambda: 5, OTHER) == 5
    await blocked.end()


async def test_stopping_pool_runs_deferred_jobs(shared: Pool):
    blocked = Blocked(shared)
    blocked.add(ACME, 6)
    shared.stop()
    assert await blocked.end() == [True] * 6


async def test_closing_finishes_queued_jobs(sqlite_core):
    threads = Threads(sqlite_core)
    done: list[int] = []
    jobs = [threads.run("write", lambda number=number: done.append(number)) for number in range(50)]
    await threads.close(5)
    await asyncio.gather(*jobs)
    assert done == list(range(50))
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("stellary-")}
    # All PostgreSQL cores of this process share the watchdog.
    assert not names - {"stellary-watchdog"}


def test_slow_planner_does_not_block_other_requests(server, core):
    world = World(core)
    board = Board(world, world.person())
    thinking, gate = threading.Event(), threading.Event()

    class Slow(BriefReader):
        def refine(self, brief, round):
            thinking.set()
            assert gate.wait(20)
            return super().refine(brief, round)

    core.env.planner = Slow()
    bearer = world.bearer(board.owner)
    with ThreadPoolExecutor(4) as pool:
        drafts = [
            pool.submit(server.ask, "POST", f"{board.flat}/project-drafts", {"name": "Shop"}, bearer)
            for _ in range(4)
        ]
        assert thinking.wait(20)
        path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
        for number in range(3):
            assert server.ask("POST", path, {"title": str(number)}, bearer).status == 201
            assert server.ask("GET", board.path, token=bearer).status == 200
        gate.set()
        assert [draft.result().status for draft in drafts] == [201] * 4
