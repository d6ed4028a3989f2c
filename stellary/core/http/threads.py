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
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import attrs

from stellary._tracing import keep_context
from stellary.contract.errors import Unavailable
from stellary.core import Core
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
THINKING_THREADS = 16
BODY_THREADS = 2
PAGE_THREADS = 2
WARNING_SECONDS = 60.0
WAITING_MAX = 256
INSPECTION_SECONDS = 1.0
WAITING_SECONDS = 30.0
"""The longest wait for a thread; a job that has waited for this time is rejected, so that its client can try again."""
WAITING_HASHES_MAX = 64
# Small reads take less time than the event loop needs to choose the next one.
READS_AHEAD = 32
# The maximum number of units in one commit. The first one waits for the last.
GROUP_MAX = 32


@attrs.frozen(eq=False)
class _Job:
    """A queued job, and the future of its result.

    Attributes:
        queued_at: The time at which it was queued, on the clock of the event loop.
        group_order: The position in a group of jobs of the owner; None for a job that runs alone.
        is_gone: Returns whether the client has disconnected, so that the job is not needed; None runs it anyway.
    """

    work: Callable[[], object]
    future: asyncio.Future[Any]
    queued_at: float = 0.0
    owner: Owner = NO_OWNER
    group_order: str | None = None
    is_gone: Callable[[], bool] | None = None


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


def _make_disconnect_error() -> ConnectionResetError:
    return ConnectionResetError("the client has disconnected")


def _is_unwanted(jobs: list[_Job]) -> bool:
    """Return whether the clients of all jobs have disconnected, and none of the jobs has to run anyway."""
    return all(job.is_gone is not None and job.is_gone() for job in jobs)


class Pool:
    """A few threads and a bounded queue before them, which the users take turns to leave.

    Args:
        name: The name of the threads.
        threads: The number of threads.
        waiting: The number of jobs that may wait or run; further ones are rejected immediately. One user may have three
            quarters of them.
        together: A context in which waiting jobs run as a group, whose results are delivered when it ends. If
            it raises an exception, the work of the group is lost, and its jobs run again one by one.
        shares: Limits the threads of one project, workspace or user; without it, each may use all of them. With it, only
            jobs of one owner run as a group, while no other group of the owner runs.
        niceness: How much lower the priority of the threads is, as in the command ``nice``. Only Linux has priorities of
            threads. Default: 0.
        ahead: The number of jobs that wait in the order of their arrival, so that a thread finds the next one without
            the event loop. Further ones wait for the turn of their user. Default: 0, for jobs that take long.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        waiting: int,
        together: Callable[[], AbstractContextManager[None]] | None = None,
        shares: Shares | None = None,
        niceness: int = 0,
        ahead: int = 0,
    ) -> None:
        # Each entry is a group of jobs, or one job.
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._together = together
        self._gathers_all = together is not None and shares is None
        # Only the event loop uses these attributes.
        self._shares = shares
        self._slots = threads + ahead
        """The number of further groups that the threads may be handed."""
        self._held_back: dict[str | None, deque[list[_Job]]] = {}
        """The groups that wait for the turn of their user. The first user has the next turn."""
        self._followers: dict[Owner, list[_Job]] = {}
        """The jobs that wait for the current group of their owner. There is an entry while an owner has such a group."""
        self._waiting_counts: Counter[str | None] = Counter()
        """The number of jobs that are held back or follow a group, by user."""
        self._inspection: asyncio.TimerHandle | None = None
        # This leaves room for the jobs of others.
        self._held_back_max = max(1, waiting * 3 // 4)
        self._free = waiting
        self._niceness = niceness
        self._warned_at = -WARNING_SECONDS
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        # Threads take memory, and a server may never need those of a pool.
        self._is_started = False

    def run(
        self,
        job: Callable[[], T],
        owner: Owner = NO_OWNER,
        group_order: str | None = None,
        is_gone: Callable[[], bool] | None = None,
    ) -> asyncio.Future[T]:
        """Run a job in a thread, and return a future of its result. Call it on the event loop.

        Args:
            job: The function to run.
            owner: The user, project and workspace that it belongs to: while they use their share of the threads, the job
                waits.
            group_order: The position of the job in a group of the owner's waiting jobs, which are ordered by it. None if
                the job must not run in such a group.
            is_gone: Returns whether the client has disconnected. A job that waited and whose client is gone does not
                run. By default, every job runs.

        Returns:
            The future of the job's result or exception: ``Unavailable`` after a wait of ``WAITING_SECONDS``,
            ``ConnectionResetError`` if the client was gone.

        Raises:
            Unavailable: Too many jobs are waiting already.
        """
        if self._free <= 0:
            raise _busy()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        is_grouped = self._shares is not None and self._together is not None
        entry = _Job(
            keep_context(job), future, loop.time(), owner, group_order if is_grouped else None, is_gone
        )
        self._submit(entry, self._held_back_max)
        self._free -= 1
        return future

    def _submit(self, job: _Job, held_back_max: int) -> None:
        """Queue a job for the threads; hold it back while they are busy, or its owner already uses its share of them."""
        followers = None if job.group_order is None else self._followers.get(job.owner)
        if followers is None and self._slots > 0 and (self._shares is None or self._shares.take(job.owner)):
            self._pass_to_threads([job])
        elif self._waiting_counts[job.owner.user] >= held_back_max:
            raise _busy()
        else:
            self._waiting_counts[job.owner.user] += 1
            if followers is None:
                self._hold_back([job])
            else:
                followers.append(job)
        if job.group_order is not None:
            self._followers.setdefault(job.owner, [])

    def _pass_to_threads(self, jobs: list[_Job]) -> None:
        self._slots -= 1
        self._jobs.put(jobs)
        if not self._is_started:
            self._is_started = True
            for thread in self._threads:
                thread.start()

    def _hold_back(self, jobs: list[_Job]) -> None:
        """Let a group wait for the turn of its user."""
        self._held_back.setdefault(jobs[0].owner.user, deque()).append(jobs)
        if self._inspection is None:
            self._inspection = jobs[0].future.get_loop().call_later(INSPECTION_SECONDS, self._inspect)

    def _inspect(self) -> None:
        """Reject the groups that have waited for too long, and those whose clients have disconnected."""
        loop = asyncio.get_running_loop()
        latest = loop.time() - WAITING_SECONDS
        for jobs in [jobs for groups in self._held_back.values() for jobs in groups]:
            if jobs[0].queued_at <= latest:
                self._drop(jobs, _busy())
            elif _is_unwanted(jobs):
                self._drop(jobs, _make_disconnect_error())
        waits = bool(self._held_back)
        self._inspection = loop.call_later(INSPECTION_SECONDS, self._inspect) if waits else None

    def _drop(self, jobs: list[_Job], error: Exception) -> None:
        """Reject a group that is held back."""
        self._release(jobs)
        self._finish_jobs(jobs, [(None, error)] * len(jobs))
        if jobs[0].group_order is not None:
            self._queue_followers(jobs[0].owner)

    def _release(self, jobs: list[_Job]) -> None:
        """Take a group out of those that are held back. Its user has the last turn from now on."""
        user = jobs[0].owner.user
        groups = self._held_back.pop(user)
        groups.remove(jobs)
        if groups:
            self._held_back[user] = groups
        for job in jobs:
            self._waiting_counts[job.owner.user] -= 1
            if not self._waiting_counts[job.owner.user]:
                del self._waiting_counts[job.owner.user]

    def stop(self) -> None:
        """Let the threads end after the waiting jobs."""
        self._shares = None
        held_back = [jobs for groups in self._held_back.values() for jobs in groups]
        for jobs in [*held_back, *self._followers.values()]:
            for job in jobs:
                self._jobs.put([job])
        self._held_back.clear()
        self._followers.clear()
        for _ in self._threads:
            self._jobs.put(None)

    def join(self, timeout: float) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads if self._is_started else ():
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
            except Exception as error:  # noqa: BLE001 - each job gets its own error
                self._warn_of_lost_group(len(jobs), error)
            else:
                return outcomes
            if jobs[0].group_order is not None:
                # They run in several threads, since each may wait for a row.
                return None
        return [_outcome(job) for job in jobs]

    def _warn_of_lost_group(self, count: int, error: Exception) -> None:
        """Log that a group is lost, once a minute: on a full disk, every group is."""
        now = time.monotonic()
        if now - self._warned_at >= WARNING_SECONDS:
            self._warned_at = now
            reason = getattr(error, "orig", None) or error
            _log.warning(
                "%d units could not be committed together, and run again one by one: %r", count, reason
            )

    def _finish(self, jobs: list[_Job], outcomes: list[_Outcome] | None) -> None:
        """Set the results of jobs, and hand the next ones over."""
        self._slots += len(jobs) if self._gathers_all else 1
        if outcomes is None and self._shares is not None:
            self._give_back(jobs[0])
            for job in jobs:
                self._submit(attrs.evolve(job, group_order=None), sys.maxsize)
            return
        self._finish_jobs(jobs, outcomes or [(None, _busy())] * len(jobs))
        self._give_back(jobs[0])

    def _finish_jobs(self, jobs: list[_Job], outcomes: list[_Outcome]) -> None:
        for job, (result, error) in zip(jobs, outcomes, strict=True):
            self._free += 1
            if job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)

    def _give_back(self, job: _Job) -> None:
        """Return the thread of a job or its group, and hand over held-back jobs whose owner has a free thread."""
        if self._shares is not None:
            self._shares.give_back(job.owner)
            if job.group_order is not None:
                self._queue_followers(job.owner)
        while self._held_back and self._slots > 0:
            jobs = self._find_next()
            if jobs is None:
                return
            if _is_unwanted(jobs):
                self._drop(jobs, _make_disconnect_error())
                continue
            if self._shares is not None:
                self._shares.take(jobs[0].owner)
            self._release(jobs)
            self._pass_to_threads(jobs)

    def _queue_followers(self, owner: Owner) -> None:
        """Let the jobs that waited for an owner's group wait for a thread, as the next group."""
        followers = self._followers.pop(owner, None)
        if followers:
            group = sorted(followers[:GROUP_MAX], key=lambda follower: follower.group_order or "")
            self._followers[owner] = followers[GROUP_MAX:]
            self._hold_back(group)

    def _find_next(self) -> list[_Job] | None:
        """Return the first held-back group that may have a thread, in the order of the users' turns."""
        for groups in self._held_back.values():
            for jobs in groups:
                if self._shares is None or self._shares.has_room(jobs[0].owner):
                    return jobs
        return None


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
        thinking: For jobs that wait for a language model. A user may have a quarter of them.
        bodies: For parsing large bodies, so that neither the event loop nor a transaction waits for it. A user may have
            one of them.
        pages: For pages of HTML, which may render a board. A user may have one of them.
    """

    def __init__(self, core: Core) -> None:
        hashers = Pool("stellary-hash", PASSWORD_HASHERS, WAITING_HASHES_MAX)
        if core.database.is_sqlite:
            writer = Pool("stellary-write", 1, WAITING_MAX, core.database.gathering, ahead=GROUP_MAX)
        else:
            together = core.database.gathering if core.database.can_gather else None
            count = core.database.writer_count
            writer = Pool("stellary-write", count, WAITING_MAX, together, Shares(count), ahead=count)
        read_count = max(1, core.database.reader_count - LARGE_READERS)
        reader = Pool("stellary-read", read_count, WAITING_MAX, ahead=READS_AHEAD)
        self._large_reader = Pool(
            "stellary-large-read", LARGE_READERS, WAITING_MAX, niceness=LARGE_READ_NICENESS
        )
        self._large_reads = LargeReads()
        self.files = Pool("stellary-file", FILE_THREADS, WAITING_MAX)
        self.thinking = Pool(
            "stellary-think",
            THINKING_THREADS,
            WAITING_MAX,
            shares=Shares(THINKING_THREADS, THINKING_THREADS // 4),
        )
        self.bodies = Pool("stellary-body", BODY_THREADS, WAITING_MAX, shares=Shares(BODY_THREADS, 1))
        self.pages = Pool("stellary-page", PAGE_THREADS, WAITING_MAX, shares=Shares(PAGE_THREADS, 1))
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

    def read(
        self,
        key: ReadKey,
        job: Callable[[], T],
        owner: Owner = NO_OWNER,
        is_gone: Callable[[], bool] | None = None,
    ) -> asyncio.Future[T]:
        """Run a job that reads, and return a future of its result. A large read runs apart from the others.

        Args:
            key: The group of the read, by which its duration is estimated.
            job: The function to run.
            owner: The user that it belongs to, who takes turns with others.
            is_gone: Returns whether the client has disconnected; by default, the job runs anyway.

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
        return (self._large_reader if is_large else self.pools["read"]).run(read, owner, is_gone=is_gone)

    async def close(self, patience: float) -> None:
        """Finish the waiting jobs, for at most ``patience`` seconds per thread, and end the threads."""
        pools = {*self.pools.values(), self._large_reader, self.files, self.thinking, self.bodies, self.pages}
        for pool in pools:
            pool.stop()
        for pool in pools:
            await asyncio.to_thread(pool.join, patience)
