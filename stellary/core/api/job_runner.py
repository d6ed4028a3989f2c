"""Work: does the jobs, in a thread beside the server, in a process of their own, or when the host says so.

Each job is done at least once and has its effect exactly once: it is struck off in the transaction of its effect.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from stellary.contract.errors import ApiError
from stellary.core.agents import external_mission_timeout, missions, running
from stellary.core.automations import acting, due
from stellary.core.db import forks
from stellary.core.kernel import jobs
from stellary.core.kernel.claims import ClaimOwner
from stellary.core.kernel.jobs import Job
from stellary.core.kernel.signals import EVERYTHING, JOBS
from stellary.core.kernel.unit import NOBODY, UnitOfWork
from stellary.core.kernel.units import Units

_log = logging.getLogger("stellary.core")

POLL_SECONDS = 5.0
SHORTEST_SECONDS = 0.05
TROUBLED_SECONDS = 10.0
BACK_SECONDS = 5.0
LONG_AT_ONCE = 2
ATTEMPTS_MAX = 10
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
FURTHEST = timedelta(minutes=2)
"""What is always there and waits for longer was put off by a clock that was ahead; if not, it does no harm to look."""


@attrs.frozen
class Handler:
    """What does the jobs of a kind.

    Attributes:
        do: Called with a unit in which nobody acts yet, and the payload.
        attempts: After so many the job is given up; None never gives up.
        first: A payload with which there is always one such job.
    """

    do: Callable[..., None]
    attempts: int | None = ATTEMPTS_MAX
    first: Any = None


@attrs.frozen
class LongRunningJob:
    """What does the jobs of a kind that take long, each in a thread of its own beside the others.

    Attributes:
        do: Called with the units, the payload, and what is to be called before whatever takes long. It opens units by
            itself, and may be called again for what it has done already.
        attempts: After so many the job is dropped.
        give_up: Called then, with the units, the payload, and why.
        reached: Called with the core and the payload before another attempt; says how far it is. Attempts are counted
            from where it was last seen to get further, so that what goes on is never dropped for having been interrupted.
    """

    do: Callable[[Units, Any, Callable[[], None]], None]
    give_up: Callable[[Units, Any, str], None]
    reached: Callable[[Units, Any], int]
    attempts: int = 5
    first: None = None


HANDLERS: Mapping[str, Handler | LongRunningJob] = {
    missions.RUN: LongRunningJob(running.run, running.give_up, running.count_steps),
    external_mission_timeout.CHECK: Handler(external_mission_timeout.check),
    acting.ACT: Handler(acting.act),
    due.CHECK: Handler(due.check, attempts=None, first={}),
}
"""Which kind of job is done by what."""


class _Lost(Exception):
    """Somebody else has claimed the job meanwhile."""


class _Stopped(Exception):
    """Whoever does the job is to stop; somebody else goes on with it."""


class JobRunner:
    """The jobs of a core, and who does them.

    Args:
        units: Opens the units of work.
        claims: Owns what this process claims.
        handlers: By the kind of job that each does. Others are left to whom knows them.
        chance: 0 to 1, at random; so that what has failed together is not tried again together.
    """

    def __init__(
        self,
        units: Units,
        claims: ClaimOwner,
        handlers: Mapping[str, Handler | LongRunningJob],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._units = units
        self._claims = claims
        self._handlers = handlers
        self._chance = chance
        self._alarm = threading.Event()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        units.env.signals.listen(self._heard)
        self._kinds: Collection[str] = handlers
        self._beside: list[JobRunner] = []
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Do no jobs in the child until it is started there: the threads that did are the parent's."""
        self._alarm = threading.Event()
        self._threads, self._kinds, self._beside = [], self._handlers, []

    # ------------------------------------------------------------------------------------------ the list

    def jobs(self, *, given_up: bool = False) -> list[Job]:
        """What is still to be done, the oldest first; or what has been given up, and waits for somebody to look at it."""
        with self._units.database.reading() as connection:
            return jobs.listed(connection, given_up=given_up)

    def retry(self, job_id: str) -> bool:
        """Try a job again that was given up, as if for the first time; False if there is no such job."""
        with self._units.database.writing() as connection:
            found = jobs.retry(connection, job_id, self._units.env.clock())
        self.wake()
        return found

    # ------------------------------------------------------------------------------------------ doing it

    def run_due(self) -> int:
        """Do what is due, in this thread, until nothing is, or ``stop`` is called; how many that were.

        Raises:
            DBAPIError: The database does not answer. What fails in a job is noted there, and not raised.
        """
        self._claims.hold_file()
        done = 0
        while not self._stopping and (job := self._claimed()) is not None:
            self._do(job)
            done += 1
        return done

    def begin(self) -> None:
        """See that there is a job of each kind of which there always is one, and that it is not waiting for a far day."""
        latest = self._units.env.clock() + FURTHEST
        for kind, handler in self._handlers.items():
            if handler.first is not None:
                with self._units.transaction(NOBODY) as uow:
                    jobs.enqueue(uow, kind, handler.first, key=kind)
                    jobs.hasten(uow.connection, kind, uow.now, latest)

    def _claimed(self) -> Job | None:
        with self._units.database.reading() as connection:
            due = jobs.due_by_kind(connection, self._kinds)
        now = self._units.env.clock()
        kinds = [kind for due_at, kind in due if due_at <= now]
        if not kinds:
            # Who only looks takes nobody's turn.
            return None
        with self._units.database.writing() as connection:
            return jobs.claim(connection, kinds, now, self._units.env.new_id, self._claims.number)

    def _next_due(self) -> datetime | None:
        with self._units.database.reading() as connection:
            return jobs.next_due(connection, self._kinds)

    def _do(self, job: Job) -> None:
        handler = self._handlers[job.kind]
        if isinstance(handler, LongRunningJob):
            self._do_long(job, handler)
            return

        def work(uow: UnitOfWork) -> None:
            # First, so that of two who both believe that the job is theirs one waits for the other, and then finds it done.
            if not jobs.strike_off(uow.connection, job):
                raise _Lost
            handler.do(uow, job.payload)

        if handler.attempts is not None and job.attempts > handler.attempts:
            self._put_off(job, "whoever did it ended before it was done", None)
            return
        try:
            self._units.run(work)
        except _Lost:
            _log.warning("job %s (%s) took so long that somebody else has done it", job.id, job.kind)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next job has nothing to do with it
            _log.warning("job %s (%s) failed", job.id, job.kind, exc_info=error)
            self._put_off(job, _told(error), self._again_at(job, handler))

    def _do_long(self, job: Job, handler: LongRunningJob) -> None:
        def keep() -> None:
            if self._stopping:
                raise _Stopped
            with self._units.database.writing() as connection:
                if not jobs.keep(connection, job, self._units.env.clock()):
                    raise _Lost

        try:
            if job.attempts > 1:
                reached = handler.reached(self._units, job.payload)
                with self._units.database.writing() as connection:
                    job = jobs.mark(connection, job, reached)
            if job.attempts > handler.attempts:
                handler.give_up(self._units, job.payload, "whoever did it ended before it was done")
            else:
                handler.do(self._units, job.payload, keep)
        except _Lost:
            _log.warning("job %s (%s) took so long that somebody else does it", job.id, job.kind)
            return
        except _Stopped:
            self._put_off(job, "whoever did it was stopped", self._units.env.clock())
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the next job has nothing to do with it
            _log.warning("job %s (%s) failed", job.id, job.kind, exc_info=error)
            if job.attempts < handler.attempts:
                self._put_off(job, _told(error), max(self._later(job), self._asked_for(error)))
                return
            handler.give_up(self._units, job.payload, _told(error))
        with self._units.database.writing() as connection:
            jobs.strike_off(connection, job)

    def _put_off(self, job: Job, error: str, due_at: datetime | None) -> None:
        with self._units.database.writing() as connection:
            jobs.put_off(connection, job, error, due_at)

    def _again_at(self, job: Job, handler: Handler) -> datetime | None:
        if handler.attempts is not None and job.attempts >= handler.attempts:
            return None
        return self._later(job)

    def _later(self, job: Job) -> datetime:
        # 20 times is far beyond the longest one.
        doubled: int = 2 ** min(job.attempts - 1, 20)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * doubled)
        return self._units.env.clock() + pause * (0.75 + 0.5 * self._chance())

    def _asked_for(self, error: Exception) -> datetime:
        """When whoever could not do it at the moment asks to be asked again."""
        seconds = error.retry_after or 0 if isinstance(error, ApiError) else 0
        return self._units.env.clock() + min(LONGEST_PAUSE, timedelta(seconds=seconds))

    # ------------------------------------------------------------------------------------------ in a thread

    def _heard(self, topic: str) -> None:
        if topic in (JOBS, EVERYTHING):
            self.wake()

    def wake(self) -> None:
        """There may be something to do."""
        self._alarm.set()
        for other in self._beside:
            other.wake()

    def start(self, threads: int = 1) -> None:
        """Do what is due in a thread from now on, or in several."""
        self._stopping = False
        self._threads = [
            threading.Thread(target=self.run, name="stellary-jobs", daemon=True) for _ in range(threads)
        ]
        for each in self._threads:
            each.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Begin no other job, and wait until the one that is being done is; False if that takes longer.

        Args:
            timeout: Seconds.
        """
        self._stopping = True
        for other in self._beside:
            other._stopping = True  # noqa: SLF001 - of this class
        self.wake()
        ends = None if timeout is None else time.monotonic() + timeout
        for each in self._threads:
            each.join(None if ends is None else max(0.0, ends - time.monotonic()))
        return not any(each.is_alive() for each in self._threads)

    def run(self) -> None:
        """Do what is due in this thread, until ``stop`` is called from another one; what takes long in others beside it."""
        long = {
            kind: handler for kind, handler in self._handlers.items() if isinstance(handler, LongRunningJob)
        }
        if long and len(long) < len(self._handlers):
            self._kinds = self._handlers.keys() - long.keys()
            self._beside = [
                JobRunner(self._units, self._claims, long, self._chance) for _ in range(LONG_AT_ONCE)
            ]
            for other in self._beside:
                other.start()
        self._claims.start()
        try:
            self._run()
        finally:
            self._claims.stop()
            for other in self._beside:
                other.stop()
                self._units.env.signals.stop_listening(other._heard)  # noqa: SLF001 - of this class
            self._kinds, self._beside = self._handlers, []

    def _run(self) -> None:
        begun: float | None = None
        while not self._stopping:
            # Before looking: whoever adds something from now on wakes us again.
            self._alarm.clear()
            try:
                # How far the clock is ahead of time that only goes on. If that shrinks, it was set back.
                ahead = self._units.env.clock().timestamp() - time.monotonic()
                if begun is None or ahead < begun - BACK_SECONDS:
                    self.begin()
                begun = ahead
                self.run_due()
                pause = self._pause()
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                _log.warning("jobs wait: %s", type(error).__name__)
                pause = TROUBLED_SECONDS
            if not self._stopping:
                self._alarm.wait(pause)

    def _pause(self) -> float:
        """Seconds until something is due; others may add something without waking us."""
        due = self._next_due()
        left = POLL_SECONDS if due is None else (due - self._units.env.clock()).total_seconds()
        # Never at once: what is due and could not be claimed is being claimed by somebody else.
        return max(SHORTEST_SECONDS, min(POLL_SECONDS, left))


def _told(error: Exception) -> str:
    """What has failed, in a line."""
    return error.message if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
