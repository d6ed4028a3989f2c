"""Threads and the bounded queues before them."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference_server.threads import Pool, Threads
from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.wizard.reader import BriefReader
from tests.boards import Board
from tests.world import World


@pytest.fixture
def pool():
    pool = Pool("test", 1, 3)
    yield pool
    pool.stop()
    pool.join(5)


async def test_a_job_gives_what_it_returns(pool: Pool):
    assert await pool.run(lambda: 5) == 5


async def test_a_job_raises_what_it_raises(pool: Pool):
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    assert await pool.run(lambda: 5) == 5


async def test_jobs_are_done_in_the_order_in_which_they_came(pool: Pool):
    done: list[int] = []
    await asyncio.gather(*(pool.run(lambda number=number: done.append(number)) for number in range(3)))
    assert done == [0, 1, 2]


async def test_one_job_too_many_is_refused_at_once_and_only_then(pool: Pool):
    gate = threading.Event()
    waiting = [pool.run(gate.wait) for _ in range(3)]
    with pytest.raises(Unavailable) as raised:
        pool.run(gate.wait)
    assert raised.value.retry_after == 1
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await pool.run(lambda: 5) == 5


async def test_a_job_is_done_although_nobody_waits_for_it_any_more(pool: Pool):
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
        "view": 2,
        "begin": 1,
        "outside": 2,
    }
    await threads.close(5)


async def test_postgres_has_eight_for_both(postgres_url):
    core = Core(postgres_url)
    threads = Threads(core)
    assert threads.pools["view"] is threads.pools["begin"]
    assert len(threads.pools["view"]._threads) == 8
    await threads.close(5)
    core.close()


async def test_closing_finishes_what_is_waiting(sqlite_core):
    threads = Threads(sqlite_core)
    done: list[int] = []
    jobs = [threads.run("begin", lambda number=number: done.append(number)) for number in range(50)]
    await threads.close(5)
    await asyncio.gather(*jobs)
    assert done == list(range(50))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stellary-")]


def test_who_thinks_about_a_draft_holds_up_nobody(server, core):
    world = World(core)
    board = Board(world, world.person())
    begun, gate = threading.Event(), threading.Event()

    class Slow(BriefReader):
        def refine(self, brief, round):
            begun.set()
            assert gate.wait(20)
            return super().refine(brief, round)

    core.planner = Slow()
    bearer = world.bearer(board.owner)
    with ThreadPoolExecutor(4) as pool:
        drafts = [
            pool.submit(server.ask, "POST", f"{board.flat}/project-drafts", {"name": "Shop"}, bearer)
            for _ in range(4)
        ]
        assert begun.wait(20)
        path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
        for number in range(3):
            assert server.ask("POST", path, {"title": str(number)}, bearer).status == 201
            assert server.ask("GET", board.path, token=bearer).status == 200
        gate.set()
        assert [each.result().status for each in drafts] == [201] * 4
