"""Threads and the bounded queues before them."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest

from reference_server.pages.requests import SESSION_COOKIE
from stellary.contract.errors import Unavailable
from stellary.contract.projects import GET_BOARD
from stellary.contract.refs import ProjectRef, Ref
from stellary.contract.router import AnyEndpoint
from stellary.core import Core, UnitOfWork
from stellary.core.http import threads
from stellary.core.http.large_reads import KNOWN_MAX, LARGE_SECONDS, LargeReads, ReadKey
from stellary.core.http.shares import USERS_MAX, KnownUsers, Owner, Shares
from stellary.core.http.threads import LARGE_READ_NICENESS, LARGE_READERS, THINKING_THREADS, Pool, Threads
from tests.server.running import encode_head
from tests.server.test_pages import FORM, open_form
from tests.support.boards import Board, create_board
from tests.support.core_parts import READERS, WRITERS, BriefReader, insights_flow, llm
from tests.support.each_case import for_each
from tests.support.waiting import wait_until
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


async def test_sqlite_has_one_thread_that_writes_and_postgres_one_for_each_connection(core):
    pools = Threads(core)
    counts = {mode: len(pool._threads) for mode, pool in pools.pools.items()}
    read, write = (2, 1) if core.database.is_sqlite else (READERS - LARGE_READERS, WRITERS)
    assert counts == {"read": read, "write": write, "self_managed": 2}
    await pools.close(5)


BOARD = ReadKey("projects.board", ProjectRef("acme", "eng", "1" * 24), is_page=False)


def use_processor(seconds: float) -> str:
    """Use the processor for some seconds, and return the name of the thread."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return threading.current_thread().name


async def test_a_read_that_was_large_runs_apart_until_it_is_small_again(sqlite_core):
    pools = Threads(sqlite_core)
    page = BOARD._replace(is_page=True)
    large, small = (partial(use_processor, seconds) for seconds in (LARGE_SECONDS, 0))
    names = [await pools.read(key, job) for key, job in ((BOARD, large), (BOARD, small), (BOARD, small))]
    assert [name.rpartition("-")[0] for name in names] == [
        "stellary-read",
        "stellary-large-read",
        "stellary-read",
    ]
    await pools.read(BOARD, large)
    assert (await pools.read(page, small)).startswith("stellary-read")
    await pools.close(5)


async def test_small_reads_do_not_wait_for_large_ones(sqlite_core):
    pools = Threads(sqlite_core)
    await pools.read(BOARD, partial(use_processor, LARGE_SECONDS))
    gate = threading.Event()
    large = [pools.read(BOARD, gate.wait) for _ in range(5)]
    assert await pools.read(BOARD._replace(operation="auth.me"), lambda: "done") == "done"
    assert not any(future.done() for future in large)
    gate.set()
    await asyncio.gather(*large)
    await pools.close(5)


@for_each("operation", ["projects.export", "projects.flow", "scopes.flow"])
async def test_reads_of_long_records_run_apart_from_the_first_one_on(sqlite_core, operation):
    pools = Threads(sqlite_core)
    name = await pools.read(BOARD._replace(operation=operation), partial(use_processor, 0))
    assert name.startswith("stellary-large-read")
    await pools.close(5)


def read_niceness() -> int:
    """Return the niceness of the current thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id() if sys.platform == "linux" else 0)


async def test_large_reads_have_a_lower_priority_than_small_ones_on_linux(sqlite_core):
    pools = Threads(sqlite_core)
    small, large = [
        await pools.read(BOARD._replace(operation=operation), read_niceness)
        for operation in ("auth.me", "projects.export")
    ]
    assert large == (min(small + LARGE_READ_NICENESS, 19) if sys.platform == "linux" else small)
    await pools.close(5)


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


ANN, BOB = Owner(user="ann"), Owner(user="bob")


async def test_users_take_turns():
    pool = Pool("test", 1, 20)
    gate, done = threading.Event(), []
    jobs = [pool.run(gate.wait, ANN)]
    for name, owner in (("a", ANN), ("b", ANN), ("c", ANN), ("x", BOB), ("y", BOB)):
        jobs.append(pool.run(partial(done.append, name), owner))
    gate.set()
    await asyncio.gather(*jobs)
    assert "".join(done) == "axbyc"


async def test_user_with_many_waiting_jobs_leaves_room_for_others():
    blocked = Blocked(Pool("test", 1, 20))
    blocked.add(ANN, 1 + 15)
    with pytest.raises(Unavailable):
        blocked.add(ANN, 1)
    blocked.add(BOB, 4)
    assert await blocked.end() == [True] * 20


async def test_user_has_a_share_of_the_threads():
    pool = Pool("test", 2, 20, shares=Shares(2, 1))
    blocked = Blocked(pool)
    blocked.add(ANN, 5)
    assert await pool.run(lambda: 5, BOB) == 5
    assert blocked.started.acquire(timeout=5)
    assert not blocked.started.acquire(blocking=False)
    assert await blocked.end() == [True] * 5


def test_tokens_of_one_user_share_what_the_user_may_have():
    users = KnownUsers()
    assert (users.identify(None, "::1"), users.identify("Bearer a", "::1")) == ("::1", "Bearer a")
    for token in ("Bearer a", "Bearer b", "Bearer a"):
        users.record(token, "ann")
        assert users.identify(token, "::1") == "ann"
    for number in range(USERS_MAX):
        users.record(f"{number}", "bob")
    assert users.identify("Bearer b", "::1") == "Bearer b"


async def test_job_that_waits_for_too_long_is_rejected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "INSPECTION_SECONDS", 0)
    monkeypatch.setattr(threads, "WAITING_SECONDS", 0)
    pool = Pool("test", 1, 20)
    blocked = Blocked(pool)
    blocked.add(ANN, 1)
    waiting = pool.run(lambda: 5, BOB)
    with pytest.raises(Unavailable) as raised:
        await waiting
    assert raised.value.retry_after == 1
    monkeypatch.undo()
    assert await blocked.end() == [True]
    assert await pool.run(lambda: 5, BOB) == 5


@pytest.mark.parametrize("inspection_seconds", [0, 60])
async def test_job_whose_client_has_left_does_not_run(monkeypatch, inspection_seconds):
    monkeypatch.setattr(threads, "INSPECTION_SECONDS", inspection_seconds)
    pool = Pool("test", 1, 20)
    blocked, done = Blocked(pool), []
    blocked.add(ANN, 1)
    waiting = [
        pool.run(partial(done.append, is_gone), ANN, is_gone=lambda is_gone=is_gone: is_gone)
        for is_gone in (True, False)
    ]
    if not inspection_seconds:
        with pytest.raises(ConnectionResetError):
            await waiting[0]
    await blocked.end()
    left, stayed = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(left, ConnectionResetError)
    assert (stayed, done) == (None, [False])


async def test_group_that_waits_for_too_long_leaves_the_next_one_its_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "INSPECTION_SECONDS", 0)
    grouping = Grouping()
    running = [grouping.block(), grouping.block(OTHER)]
    monkeypatch.setattr(threads, "WAITING_SECONDS", 0)
    third = Owner("third/eng", "4" * 24)
    with pytest.raises(Unavailable):
        await grouping.add("a", third)
    monkeypatch.undo()
    running += [grouping.add(name, third) for name in "bcd"]
    assert await grouping.end(*running) == "b(cd)"


class Groups:
    """A recorder of the groups of an owner's jobs, each of which fails if it contains ``X``."""

    def __init__(self) -> None:
        self.done: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        start = len(self.done)
        yield
        group = "".join(self.done[start:])
        self.done[start:] = [f"({group})"]
        if "X" in group:
            raise OSError


class Grouping:
    """A pool of two threads that runs the jobs of an owner in groups, unless the options say otherwise."""

    def __init__(self, threads: int = 2, waiting: int = 100, **options: Any) -> None:
        self.groups = Groups()
        self.pool = Pool("test", threads, waiting, self.groups, **{"shares": Shares(threads), **options})
        self.gate, self.started = threading.Event(), threading.Event()

    def block(self, owner: Owner = ACME) -> asyncio.Future[bool]:
        """Run a job of an owner's group until the gate is opened."""

        def wait() -> bool:
            self.started.set()
            return self.gate.wait(20)

        return self.pool.run(wait, owner, "")

    def add(
        self, name: str, owner: Owner = ACME, group_order: str | None = "", fails: bool = False
    ) -> asyncio.Future[str]:
        def do() -> str:
            self.groups.done.append(name)
            if fails:
                raise ZeroDivisionError
            return name

        return self.pool.run(do, owner, group_order)

    async def end(self, *running: asyncio.Future[object]) -> str:
        """Open the gate, wait for the jobs, and return what was done."""
        await asyncio.to_thread(self.started.wait, 20)
        self.gate.set()
        await asyncio.gather(*running, return_exceptions=True)
        self.pool.stop()
        self.pool.join(5)
        return "".join(self.groups.done)


async def test_waiting_jobs_of_an_owner_run_in_one_group_in_their_order():
    grouping = Grouping()
    running = [grouping.block(), grouping.add("b", group_order="2"), grouping.add("a", group_order="1")]
    assert await grouping.end(*running) == "(ab)"
    assert await asyncio.gather(*running) == [True, "b", "a"]


async def test_failed_job_of_an_owner_does_not_affect_its_group():
    grouping = Grouping()
    failed, succeeded = grouping.add("a", fails=True), grouping.add("b")
    assert await grouping.end(grouping.block(OTHER), failed, succeeded) == "ab"
    assert isinstance(failed.exception(), ZeroDivisionError)
    grouping = Grouping()
    blocked, failed, succeeded = grouping.block(), grouping.add("a", fails=True), grouping.add("b")
    assert await grouping.end(blocked, failed, succeeded) == "(ab)"
    assert isinstance(failed.exception(), ZeroDivisionError)
    assert succeeded.result() == "b"


async def test_jobs_of_other_owners_and_jobs_without_an_order_run_in_no_group():
    grouping = Grouping()
    running = [grouping.block(), grouping.add("a"), grouping.add("b", group_order=None)]
    await grouping.add("o", OTHER)
    running += [grouping.add("c")]
    assert await grouping.end(*running) == "ob(ac)"


async def test_jobs_of_a_lost_group_run_alone(caplog):
    grouping = Grouping()
    running = [grouping.block(), grouping.add("X"), grouping.add("Y"), grouping.add("Z")]
    assert await grouping.end(*running) == "(XYZ)XYZ"
    assert await asyncio.gather(*running) == [True, "X", "Y", "Z"]
    assert "one by one: OSError" in caplog.text


async def test_waiter_that_has_left_does_not_affect_its_group():
    grouping = Grouping()
    blocked, left, stayed = grouping.block(), grouping.add("a"), grouping.add("b")
    left.cancel()
    assert await grouping.end(blocked, stayed) == "(ab)"
    assert stayed.result() == "b"


async def test_groups_of_an_owner_are_bounded_and_leave_room_in_the_queue():
    grouping = Grouping(waiting=80)
    running = [grouping.block(), *(grouping.add("a") for _ in range(60))]
    with pytest.raises(Unavailable):
        grouping.add("a")
    running += [grouping.add("o", OTHER)]
    await running[-1]
    assert await grouping.end(*running) == f"o({'a' * 32})({'a' * 28})"


async def run_together(names: str, fails: str = "") -> tuple[str, list[object]]:
    """Queue jobs for a thread that runs all of them in a group; return what was done, and the outcomes."""
    grouping = Grouping(1, shares=None, ahead=100)
    blocked = grouping.block()
    await asyncio.to_thread(grouping.started.wait, 20)
    running = [grouping.add(name, fails=name in fails) for name in names]
    done = await grouping.end(blocked, *running)
    return done, [future.exception() or future.result() for future in running]


@for_each(
    "names, done", [("ab", "(ab)"), ("a", "a"), ("aX", "(aX)aX"), ("a" * 40, f"({'a' * 32})({'a' * 8})")]
)
async def test_jobs_without_shares_run_in_bounded_groups_or_alone(names: str, done: str):
    assert await run_together(names) == (done, [*names])


async def test_failed_job_without_shares_does_not_affect_its_group():
    done, (failed, succeeded) = await run_together("ab", fails="a")
    assert (done, type(failed), succeeded) == ("(ab)", ZeroDivisionError, "b")


async def test_lost_groups_are_logged_once_a_minute_without_a_traceback(caplog, monkeypatch):
    monkeypatch.setattr(threads, "GROUP_MAX", 2)
    assert (await run_together("aXbXcX"))[0] == "(aX)aX(bX)bX(cX)cX"
    (record,) = caplog.records
    assert record.exc_info is None


async def test_stopping_pool_runs_the_jobs_that_wait_for_a_group():
    grouping = Grouping()
    running = [grouping.block(), grouping.add("a"), grouping.add("b")]
    grouping.pool.stop()
    grouping.gate.set()
    assert await asyncio.gather(*running) == [True, "a", "b"]


async def test_stopping_pool_runs_deferred_jobs(shared: Pool):
    blocked = Blocked(shared)
    blocked.add(ACME, 6)
    shared.stop()
    assert await blocked.end() == [True] * 6


async def test_closing_finishes_queued_jobs(sqlite_core):
    pools = Threads(sqlite_core)
    done: list[int] = []
    jobs = [pools.run("write", lambda number=number: done.append(number)) for number in range(50)]
    await pools.close(5)
    await asyncio.gather(*jobs)
    assert done == list(range(50))
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("stellary-")}
    # All PostgreSQL cores of this process share the watchdog.
    assert not names - {"stellary-watchdog"}


def test_slow_planner_does_not_block_other_requests(server, core):
    board = create_board(core)
    thinking, gate = threading.Event(), threading.Event()

    class Slow(BriefReader):
        def refine(self, brief, round):
            thinking.set()
            assert gate.wait(20)
            return super().refine(brief, round)

    core.env.planner = Slow()
    bearer = board.bearer
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


class SlowPlanner(BriefReader):
    """A planner that waits for a gate, except for briefs called ``Quick``."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.begun: list[str] = []

    def refine(self, brief, round):
        self.begun.append(brief.name)
        assert brief.name == "Quick" or self.gate.wait(20)
        return super().refine(brief, round)


@pytest.fixture
def slow_planner(core: Core) -> Iterator[SlowPlanner]:
    core.env.planner = planner = SlowPlanner()
    yield planner
    planner.gate.set()


def test_plans_of_one_user_leave_threads_to_others(server, core, slow_planner):
    world = World(core)
    ann, bob = (Board(world, world.person(name)) for name in ("ann", "bob"))
    drafts, bearer = f"{ann.flat}/project-drafts", world.bearer(ann.owner)
    with ThreadPoolExecutor(THINKING_THREADS) as pool:
        plans = [
            pool.submit(server.ask, "POST", drafts, {"name": "Slow"}, bearer) for _ in range(THINKING_THREADS)
        ]
        wait_until(lambda: len(slow_planner.begun) == THINKING_THREADS // 4)
        # Another user's plan, and a draft that does not exist, do not wait for the model.
        other = f"{bob.flat}/project-drafts"
        assert server.ask("POST", other, {"name": "Quick"}, world.bearer(bob.owner)).status == 201
        assert server.ask("POST", f"{drafts}/{'0' * 24}/generate-roadmap", {}, bearer).status == 404
        slow_planner.gate.set()
        assert {plan.result().status for plan in plans} == {201}


@pytest.mark.slow("waits for a turn of a second")
def test_plan_whose_client_has_left_before_its_turn_is_not_made(server, core, slow_planner):
    board = create_board(core)
    drafts, bearer = f"{board.flat}/project-drafts", board.bearer
    share = THINKING_THREADS // 4
    with ThreadPoolExecutor(share) as pool:
        plans = [pool.submit(server.ask, "POST", drafts, {"name": "Slow"}, bearer) for _ in range(share)]
        wait_until(lambda: len(slow_planner.begun) == share)
        with server.connect() as connection:
            body = b'{"name": "Left"}'
            connection.sendall(encode_head("POST", drafts, bearer, len(body)) + body)
            wait_until(lambda: server.state.in_flight == share + 1)
        wait_until(lambda: server.state.in_flight == share)
        slow_planner.gate.set()
        assert {plan.result().status for plan in plans} == {201}
    assert set(slow_planner.begun) == {"Slow"}


def test_flow_whose_client_leaves_is_read_no_further(sqlite_server, sqlite_core, monkeypatch):
    board, calls = create_board(sqlite_core), []

    def wait_for_client():
        calls.append("began")
        wait_until(llm.caller_is_gone.get())
        calls.append("left")
        llm.end_without_caller()
        calls.append("went on")

    monkeypatch.setattr(insights_flow, "end_without_caller", wait_for_client)
    with sqlite_server.connect() as connection:
        connection.sendall(encode_head("GET", f"{board.path}/flow", board.bearer))
        wait_until(lambda: calls)
    wait_until(lambda: sqlite_server.state.in_flight == 0)
    assert calls == ["began", "left"]


def test_pages_of_one_person_do_not_delay_the_sign_in_page_of_others(server, core):
    board = create_board(core)
    session = f"{SESSION_COOKIE}={board.bearer}"
    began, gate = threading.Semaphore(0), threading.Event()

    def wait_in_boards(uow: UnitOfWork, endpoint: AnyEndpoint, ref: Ref) -> None:
        if endpoint is GET_BOARD:
            began.release()
            assert gate.wait(20)

    core.restrict(wait_in_boards)
    _, _, organization, _, workspace, *_ = board.path.split("/")
    path = f"/boards/{organization}/{workspace}/{board.project['id']}"
    form = {"do": "read_all", "formToken": open_form(server, session)[1]}
    send = partial(server.ask, "POST", "/my-notifications", urlencode(form).encode(), content_type=FORM)
    with ThreadPoolExecutor(20) as pool:
        pages = [pool.submit(server.ask, "GET", path, cookie=session) for _ in range(10)]
        pages += [pool.submit(send, cookie=session) for _ in range(10)]
        assert began.acquire(timeout=20)
        assert server.ask("GET", "/sign-in").status == 200
        gate.set()
        assert {page.result().status for page in pages} == {200, 303}
