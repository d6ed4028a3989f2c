"""Threads: where units of work run, so that the event loop never waits for a database or a password hash.

A unit that was begun, or is waiting for its turn, is carried out whether or not somebody still waits for its answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any, TypeVar

import attrs

from reference_server.shares import NO_OWNER, Owner, Shares
from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.db.postgres import READERS, WRITERS
from stellary.core.kernel.unit import Mode

T = TypeVar("T")
_log = logging.getLogger("stellary.server")

SQLITE_READERS = 2
PASSWORD_HASHERS = 2
FILE_THREADS = 4
THINKING_THREADS = 4
BODY_THREADS = 2
WAITING_MAX = 256
WAITING_HASHES_MAX = 64
# How many units are committed at once at most: the first of them waits for the last.
TOGETHER_MAX = 32


@attrs.frozen
class _Job:
    """Something to be done, and whoever waits for it."""

    work: Callable[[], Any]
    future: asyncio.Future[Any]
    owner: Owner = NO_OWNER


_Outcome = tuple[Any, BaseException | None]


def _outcome(job: _Job) -> _Outcome:
    try:
        return job.work(), None
    except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
        return None, error


def _busy() -> Unavailable:
    return Unavailable("the server is busy; try again", code="busy", retry_after=1)


class Pool:
    """A few threads and a bounded queue before them.

    Args:
        name: Of the threads.
        threads: How many.
        waiting: How many jobs may wait or run at once; what comes beyond is refused at once.
        together: Jobs that have been waiting for each other are done within this, and told when it is over. If it
            raises, nothing that they did was kept, and they are done again one by one.
        shares: Bounds how many threads one project or workspace has at once; without it, any may have all.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        waiting: int,
        together: Callable[[], AbstractContextManager[None]] | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._together = together
        # Both are the event loop's alone.
        self._shares = shares
        self._held_back: deque[_Job] = deque()
        # So that there is room left for everybody else.
        self._held_back_max = max(1, waiting * 3 // 4)
        self._free = waiting
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, job: Callable[[], T], owner: Owner = NO_OWNER) -> asyncio.Future[T]:
        """What the job returns or raises, once a thread has done it. Called on the event loop.

        Args:
            job: What is to be done.
            owner: Whose it is: while that one has its share of the threads, the job is held back.

        Raises:
            Unavailable: Too many are waiting already.
        """
        if self._free <= 0:
            raise _busy()
        holds_back = self._shares is not None and not self._shares.take(owner)
        if holds_back and len(self._held_back) >= self._held_back_max:
            raise _busy()
        self._free -= 1
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        entry = _Job(job, future, owner)
        if holds_back:
            self._held_back.append(entry)
        else:
            self._jobs.put(entry)
        return future

    def stop(self) -> None:
        """Let the threads end after what is waiting."""
        self._shares = None
        while self._held_back:
            self._jobs.put(self._held_back.popleft())
        for _ in self._threads:
            self._jobs.put(None)

    def join(self, timeout: float) -> None:
        """Wait until they have ended."""
        for thread in self._threads:
            thread.join(timeout)

    def _serve(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs = self._with_those_behind(first)
            for job, outcome in zip(jobs, self._outcomes(jobs), strict=True):
                try:
                    job.future.get_loop().call_soon_threadsafe(self._done, job, outcome)
                except RuntimeError:
                    # The loop was closed meanwhile: nobody waits.
                    return
            # Nothing of these jobs is kept alive while the thread waits for the next.
            del first, jobs, job, outcome

    def _with_those_behind(self, first: _Job) -> list[_Job]:
        """A job, and those that are waiting already, if they can be done together."""
        jobs = [first]
        while self._together is not None and len(jobs) < TOGETHER_MAX and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                # For the thread itself, once these are done.
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _outcomes(self, jobs: list[_Job]) -> list[_Outcome]:
        if self._together is not None and len(jobs) > 1:
            try:
                with self._together():
                    outcomes = [_outcome(job) for job in jobs]
            except Exception:  # noqa: BLE001 - each job is told its own
                _log.warning(
                    "%d units could not be kept together and are done one by one", len(jobs), exc_info=True
                )
            else:
                return outcomes
        return [_outcome(job) for job in jobs]

    def _done(self, job: _Job, outcome: _Outcome) -> None:
        result, error = outcome
        future = job.future
        self._free += 1
        if self._shares is not None:
            self._shares.give_back(job.owner)
            self._let_one_on(self._shares)
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _let_one_on(self, shares: Shares) -> None:
        """Queue the first job that was held back and need not be any more."""
        for number, job in enumerate(self._held_back):
            if shares.take(job.owner):
                del self._held_back[number]
                self._jobs.put(job)
                return


class Threads:
    """The pools that a core's database wants. SQLite: one that writes, two that read. PostgreSQL: as many as
    it has connections for each, so that who waits for a row makes no reader wait, and no other project.

    On SQLite a commit waits for the disk, longer than all else that a unit does, and one waits at a time: units that
    have queued up meanwhile share the next one.

    Attributes:
        files: For what waits for a disk or a store of files, so that nobody else does.
        thinking: The same for what a model may think about before it is written.
        bodies: For parsing large bodies, so that neither the event loop nor a transaction waits for that.
    """

    def __init__(self, core: Core) -> None:
        hashers = Pool("stellary-hash", PASSWORD_HASHERS, WAITING_HASHES_MAX)
        if core.database.is_sqlite:
            writer = Pool("stellary-write", 1, WAITING_MAX, core.database.gathering)
            reader = Pool("stellary-read", SQLITE_READERS, WAITING_MAX)
        else:
            writer = Pool("stellary-write", WRITERS, WAITING_MAX, shares=Shares(WRITERS))
            reader = Pool("stellary-read", READERS, WAITING_MAX)
        self.files = Pool("stellary-file", FILE_THREADS, WAITING_MAX)
        self.thinking = Pool("stellary-think", THINKING_THREADS, WAITING_MAX)
        self.bodies = Pool("stellary-body", BODY_THREADS, WAITING_MAX)
        self.pools: dict[Mode, Pool] = {"read": reader, "write": writer, "self_managed": hashers}

    def run(self, mode: Mode, job: Callable[[], T], owner: Owner = NO_OWNER) -> asyncio.Future[T]:
        """Run a job in the threads for that mode.

        Args:
            mode: Of the unit.
            job: What is to be done.
            owner: The project and workspace that it belongs to.

        Raises:
            Unavailable: Too many are waiting already.
        """
        return self.pools[mode].run(job, owner)

    async def close(self, patience: float) -> None:
        """Let what is waiting be done, for so many seconds at most, and end the threads."""
        pools = {*self.pools.values(), self.files, self.thinking, self.bodies}
        for pool in pools:
            pool.stop()
        for pool in pools:
            await asyncio.to_thread(pool.join, patience)
