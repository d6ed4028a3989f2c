"""Threads: where units of work run, so that the event loop never waits for a database or a password hash.

A unit that was begun, or is waiting for its turn, is carried out whether or not somebody still waits for its answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.unit import Mode

T = TypeVar("T")

POSTGRES_UNITS = 8
SQLITE_READERS = 2
PASSWORD_HASHERS = 2
FILE_THREADS = 4
WAITING_MAX = 256
WAITING_HASHES_MAX = 64


class Pool:
    """A few threads and a bounded queue before them.

    Args:
        name: Of the threads.
        threads: How many.
        waiting: How many jobs may wait or run at once; what comes beyond is refused at once.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
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
        self._jobs.put((job, future))
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
        while (taken := self._jobs.get()) is not None:
            job, future = taken
            result: Any = None
            error: BaseException | None = None
            try:
                result = job()
            except BaseException as raised:  # noqa: BLE001 - it is raised again where the result is awaited
                error = raised
            try:
                future.get_loop().call_soon_threadsafe(self._done, future, result, error)
            except RuntimeError:
                # The loop was closed meanwhile: nobody waits.
                return
            # Nothing of the last job is kept alive while the thread waits for the next.
            del taken, job, future, result, error

    def _done(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._free += 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


class Threads:
    """The pools that a core's database wants. SQLite: one that writes, two that read. PostgreSQL: eight for both.

    Attributes:
        files: For what waits for a disk or a store of files, so that nobody else does.
    """

    def __init__(self, core: Core) -> None:
        hashers = Pool("stellary-hash", PASSWORD_HASHERS, WAITING_HASHES_MAX)
        if core.database.is_sqlite:
            writer = Pool("stellary-write", 1, WAITING_MAX)
            reader = Pool("stellary-read", SQLITE_READERS, WAITING_MAX)
        else:
            writer = reader = Pool("stellary-unit", POSTGRES_UNITS, WAITING_MAX)
        self.files = Pool("stellary-file", FILE_THREADS, WAITING_MAX)
        self.pools: dict[Mode, Pool] = {"view": reader, "begin": writer, "outside": hashers}

    def run(self, mode: Mode, job: Callable[[], T]) -> asyncio.Future[T]:
        """Run a job in the threads for that mode.

        Raises:
            Unavailable: Too many are waiting already.
        """
        return self.pools[mode].run(job)

    async def close(self, patience: float) -> None:
        """Let what is waiting be done, for so many seconds at most, and end the threads."""
        pools = {*self.pools.values(), self.files}
        for pool in pools:
            pool.stop()
        for pool in pools:
            await asyncio.to_thread(pool.join, patience)
