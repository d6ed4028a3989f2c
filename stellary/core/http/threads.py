"""The threads in which units of work run, so that the event loop never waits for a database or a password hash.

A unit that was queued is executed even if its client has disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import attrs

from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.db.database import READERS as SQLITE_READERS
from stellary.core.db.postgres import READERS, WRITERS
from stellary.core.http.large_reads import LARGE_OPERATIONS, LargeReads, ReadKey
from stellary.core.http.shares import NO_OWNER, Owner, Shares
from stellary.core.kernel.unit import Mode

T = TypeVar("T")
_log = logging.getLogger("stellary.server")

# More threads would not build responses faster, since only one can execute Python at a time.
LARGE_READERS = 1
# Lowers the share of a core to a third of that of other threads. It must not be much less: the thread may be waiting for the
# core while it holds the interpreter lock.
LARGE_READ_NICENESS = 5
PASSWORD_HASHERS = 2
FILE_THREADS = 4
THINKING_THREADS = 4
BODY_THREADS = 2
WAITING_MAX = 256
WAITING_HASHES_MAX = 64
# The maximum number of units in one commit. The first one waits for the last.
GROUP_MAX = 32


@attrs.frozen
class _Job:
    """A queued job, and the future of its result.

    Attributes:
        group_order: The position in a group of jobs of the owner; None for a job that runs alone.
    """

    work: Callable[[], object]
    future: asyncio.Future[Any]
    owner: Owner = NO_OWNER
    group_order: str | None = None


_Outcome = tuple[object, BaseException | None]


def _outcome(job: _Job) -> _Outcome:
    try:
        return job.work(), None
    except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
        return None, error


def _lower_priority(niceness: int) -> None:
    """Let the system prefer other threads to the current one, on Linux."""
    if sys.platform == "linux":
        # The priority is not worth an error where a container forbids to change it.
        with suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)


def _busy() -> Unavailable:
    return Unavailable("the server is busy; try again", code="busy", retry_after=1)


class Pool:
    """A few threads and a bounded queue before them.

    Args:
        name: The name of the threads.
        threads: The number of threads.
        waiting: The number of jobs that may wait or run; further ones are rejected immediately.
        together: A context in which waiting jobs run as a group, whose results are delivered when it ends. If
            it raises an exception, the work of the group is lost, and its jobs run again one by one.
        shares: Limits the threads of one project or workspace; without it, each may use all of them. With it, only jobs
            of one owner run as a group, while no other group of the owner runs.
        niceness: How much lower the priority of the threads is, as in the command ``nice``. Only Linux has priorities of
            threads. Default: 0.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        waiting: int,
        together: Callable[[], AbstractContextManager[None]] | None = None,
        shares: Shares | None = None,
        niceness: int = 0,
    ) -> None:
        # Each entry is a group of jobs, or one job.
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._together = together
        self._gathers_all = together is not None and shares is None
        # Only the event loop uses these attributes.
        self._shares = shares
        self._held_back: deque[list[_Job]] = deque()
        self._followers: dict[Owner, list[_Job]] = {}
        """The jobs that wait for the current group of their owner. There is an entry while an owner has such a group."""
        self._held_back_count = 0
        # This leaves room for the jobs of other owners.
        self._held_back_max = max(1, waiting * 3 // 4)
        self._free = waiting
        self._niceness = niceness
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(
        self, job: Callable[[], T], owner: Owner = NO_OWNER, group_order: str | None = None
    ) -> asyncio.Future[T]:
        """Run a job in a thread, and return a future of its result. Call it on the event loop.

        Args:
            job: The function to run.
            owner: The project and workspace that it belongs to: while they use their share of the threads, the job waits.
            group_order: The position of the job in a group of the owner's waiting jobs, which are ordered by it. None if
                the job must not run in such a group.

        Returns:
            The future of the job's result or exception.

        Raises:
            Unavailable: Too many jobs are waiting already.
        """
        if self._free <= 0:
            raise _busy()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        is_grouped = self._shares is not None and self._together is not None
        entry = _Job(job, future, owner, group_order if is_grouped else None)
        self._submit(entry, self._held_back_max)
        self._free -= 1
        return future

    def _submit(self, job: _Job, held_back_max: int) -> None:
        """Queue a job for the threads; hold it back while its owner already uses its share of them."""
        followers = None if job.group_order is None else self._followers.get(job.owner)
        if followers is None and (self._shares is None or self._shares.take(job.owner)):
            self._jobs.put([job])
        elif self._held_back_count >= held_back_max:
            raise _busy()
        else:
            self._held_back_count += 1
            if followers is None:
                self._held_back.append([job])
            else:
                followers.append(job)
        if job.group_order is not None:
            self._followers.setdefault(job.owner, [])

    def stop(self) -> None:
        """Let the threads end after the waiting jobs."""
        self._shares = None
        for jobs in [*self._held_back, *self._followers.values()]:
            for job in jobs:
                self._jobs.put([job])
        self._held_back.clear()
        self._followers.clear()
        for _ in self._threads:
            self._jobs.put(None)

    def join(self, timeout: float) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join(timeout)

    def _serve(self) -> None:
        if self._niceness:
            _lower_priority(self._niceness)
        while (first := self._jobs.get()) is not None:
            jobs = self._take_group(first)
            try:
                jobs[0].future.get_loop().call_soon_threadsafe(self._finish, jobs, self._outcomes(jobs))
            except RuntimeError:
                # The loop was closed, so the results are not needed any more.
                return
            # Keep no objects of these jobs alive while the thread waits.
            del first, jobs

    def _take_group(self, first: list[_Job]) -> list[_Job]:
        """Return jobs, with the waiting ones that can run in the same group."""
        jobs = first
        while self._gathers_all and len(jobs) < GROUP_MAX and not self._jobs.empty():
            more = self._jobs.get()
            if more is None:
                # The thread stops after this group.
                self._jobs.put(None)
                break
            jobs = [*jobs, *more]
        return jobs

    def _outcomes(self, jobs: list[_Job]) -> list[_Outcome] | None:
        """Run jobs, and return their outcomes; None if the group of an owner is lost."""
        if self._together is not None and len(jobs) > 1:
            try:
                with self._together():
                    outcomes = [_outcome(job) for job in jobs]
            except Exception:  # noqa: BLE001 - each job gets its own error
                _log.warning(
                    "%d units could not be committed together, and run again one by one",
                    len(jobs),
                    exc_info=True,
                )
            else:
                return outcomes
            if jobs[0].group_order is not None:
                # They run in several threads, since each may wait for a row.
                return None
        return [_outcome(job) for job in jobs]

    def _finish(self, jobs: list[_Job], outcomes: list[_Outcome] | None) -> None:
        """Set the results of jobs, and queue the next ones of their owner."""
        if outcomes is None and self._shares is not None:
            self._give_back(self._shares, jobs[0])
            for job in jobs:
                self._submit(attrs.evolve(job, group_order=None), len(jobs) + self._held_back_count)
            return
        for job, (result, error) in zip(jobs, outcomes or [(None, _busy())] * len(jobs), strict=True):
            self._free += 1
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        if self._shares is not None:
            self._give_back(self._shares, jobs[0])

    def _give_back(self, shares: Shares, job: _Job) -> None:
        """Return the thread of a job or its group, and queue the first held-back jobs whose owner has a free thread."""
        shares.give_back(job.owner)
        if job.group_order is not None:
            followers = self._followers.pop(job.owner)
            if followers:
                group = sorted(followers[:GROUP_MAX], key=lambda follower: follower.group_order or "")
                self._followers[job.owner] = followers[GROUP_MAX:]
                self._held_back.append(group)
        for number, jobs in enumerate(self._held_back):
            if shares.take(jobs[0].owner):
                del self._held_back[number]
                self._held_back_count -= len(jobs)
                self._jobs.put(jobs)
                return


class Threads:
    """The thread pools of a server.

    SQLite has one writer. PostgreSQL has as many writers as connections, so that one that waits for a row
    blocks neither readers nor other projects. Both have a thread for large reads and a few for small ones, so
    that small reads never wait for a large one. On Linux, the thread for large reads has a lower priority.

    On SQLite, the wait for the disk at a commit takes longer than the rest of a unit, and there is one commit
    at a time. Units that are queued during a commit therefore share the next one. On PostgreSQL, the creation of a
    card locks the project until the commit, so that creations in a project share commits as well.

    Attributes:
        files: For jobs that wait for a disk or a file store.
        thinking: For jobs that wait for a language model.
        bodies: For parsing large bodies, so that neither the event loop nor a transaction waits for it.
    """

    def __init__(self, core: Core) -> None:
        hashers = Pool("stellary-hash", PASSWORD_HASHERS, WAITING_HASHES_MAX)
        if core.database.is_sqlite:
            writer = Pool("stellary-write", 1, WAITING_MAX, core.database.gathering)
            readers = SQLITE_READERS
        else:
            together = core.database.gathering if core.database.can_gather else None
            writer = Pool("stellary-write", WRITERS, WAITING_MAX, together, Shares(WRITERS))
            readers = READERS
        reader = Pool("stellary-read", readers - LARGE_READERS, WAITING_MAX)
        self._large_reader = Pool(
            "stellary-large-read", LARGE_READERS, WAITING_MAX, niceness=LARGE_READ_NICENESS
        )
        self._large_reads = LargeReads()
        self.files = Pool("stellary-file", FILE_THREADS, WAITING_MAX)
        self.thinking = Pool("stellary-think", THINKING_THREADS, WAITING_MAX)
        self.bodies = Pool("stellary-body", BODY_THREADS, WAITING_MAX)
        self.pools: dict[Mode, Pool] = {"read": reader, "write": writer, "self_managed": hashers}

    def run(
        self, mode: Mode, job: Callable[[], T], owner: Owner = NO_OWNER, group_order: str | None = None
    ) -> asyncio.Future[T]:
        """Run a job in the threads of a mode, and return a future of its result.

        Args:
            mode: The mode of the unit.
            job: The function to run.
            owner: The project and workspace that it belongs to.
            group_order: The position of the job in a group of the owner's waiting jobs; None if it must not run in one.

        Returns:
            The future of the job's result or exception.

        Raises:
            Unavailable: Too many are waiting already.
        """
        return self.pools[mode].run(job, owner, group_order)

    def read(self, key: ReadKey, job: Callable[[], T]) -> asyncio.Future[T]:
        """Run a job that reads, and return a future of its result. A large read runs apart from the others.

        Args:
            key: The group of the read, by which its duration is estimated.
            job: The function to run.

        Returns:
            The future of the job's result or exception.

        Raises:
            Unavailable: Too many are waiting already.
        """

        def read() -> T:
            began = time.thread_time()
            result = job()
            self._large_reads.record(key, time.thread_time() - began)
            return result

        is_large = key.operation in LARGE_OPERATIONS or key in self._large_reads
        return (self._large_reader if is_large else self.pools["read"]).run(read)

    async def close(self, patience: float) -> None:
        """Finish the waiting jobs, for at most ``patience`` seconds per thread, and end the threads."""
        pools = {*self.pools.values(), self._large_reader, self.files, self.thinking, self.bodies}
        for pool in pools:
            pool.stop()
        for pool in pools:
            await asyncio.to_thread(pool.join, patience)
