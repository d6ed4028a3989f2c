"""Threads: where units of work run, so that the event loop never waits for a database or a password hash.

A unit that was begun, or is waiting for its turn, is carried out whether or not somebody still waits for its answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any, TypeVar

import attrs

from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.unit import Mode

T = TypeVar("T")
_log = logging.getLogger("stellary.server")

POSTGRES_UNITS = 8
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


_Outcome = tuple[Any, BaseException | None]


def _outcome(job: _Job) -> _Outcome:
    try:
        return job.work(), None
    except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
        return None, error


class Pool:
    """A few threads and a bounded queue before them.

    Args:
        name: Of the threads.
        threads: How many.
        waiting: How many jobs may wait or run at once; what comes beyond is refused at once.
        together: Jobs that have been waiting for each other are done within this, and told when it is over. If it
            raises, nothing that they did was kept, and they are done again one by one.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        waiting: int,
        together: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._together = together
        self._free = waiting
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """What the job returns or raises, once a thread has done it. Called on the event loop.

        Raises:
            Unavailable: Too many are waiting already.
        """
        if self._free <= 0:
            raise Unavailable("the server is busy; try again", code="busy", retry_after=1)
        self._free -= 1
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(job, future))
        return future

    def stop(self) -> None:
        """Let the threads end after what is waiting."""
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
                    job.future.get_loop().call_soon_threadsafe(self._done, job.future, outcome)
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

    def _done(self, future: asyncio.Future[Any], outcome: _Outcome) -> None:
        result, error = outcome
        self._free += 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


class Threads:
    """The pools that a core's database wants. SQLite: one that writes, two that read. PostgreSQL: eight for both.

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
            writer = reader = Pool("stellary-unit", POSTGRES_UNITS, WAITING_MAX)
        self.files = Pool("stellary-file", FILE_THREADS, WAITING_MAX)
        self.thinking = Pool("stellary-think", THINKING_THREADS, WAITING_MAX)
        self.bodies = Pool("stellary-body", BODY_THREADS, WAITING_MAX)
        self.pools: dict[Mode, Pool] = {"view": reader, "begin": writer, "outside": hashers}

    def run(self, mode: Mode, job: Callable[[], T]) -> asyncio.Future[T]:
        """Run a job in the threads for that mode.

        Raises:
            Unavailable: Too many are waiting already.
        """
        return self.pools[mode].run(job)

    async def close(self, patience: float) -> None:
        """Let what is waiting be done, for so many seconds at most, and end the threads."""
        pools = {*self.pools.values(), self.files, self.thinking, self.bodies}
        for pool in pools:
            pool.stop()
        for pool in pools:
            await asyncio.to_thread(pool.join, patience)
