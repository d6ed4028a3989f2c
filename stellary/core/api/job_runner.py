"""The job runner: runs background jobs in threads, in a process of its own, or when the host calls it.

A job may start several times, but takes effect once: it is deleted in the transaction of its effect.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import attrs
from sqlalchemy import Connection

from stellary._tracing import fail_span, trace
from stellary.contract.errors import ApiError
from stellary.core.accounts import deleted_containers, email_links
from stellary.core.agents import external_mission_timeout, missions, running
from stellary.core.automations import acting, due, scheduling
from stellary.core.board import multipart_imports, recurring
from stellary.core.db import forks
from stellary.core.kernel import jobs
from stellary.core.kernel.claims import ClaimOwner
from stellary.core.kernel.jobs import Job
from stellary.core.kernel.signals import EVERYTHING, JOBS
from stellary.core.kernel.unit import NOBODY, UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.notifications import erasure, watches
from stellary.core.search import indexing
from stellary.core.trash import purging
from stellary.core.webhooks import outbox
from stellary.core.wizard import planning
from stellary.core.work import reminders

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("stellary.core")

POLL_SECONDS = 5.0
SHORTEST_SECONDS = 0.05
RETRY_SECONDS = 10.0
CLOCK_STEP_SECONDS = 5.0
PLANS = "plans"
AT_ONCE = {PLANS: 4}
"""The numbers of threads of the pools that have more than two."""
ATTEMPTS_MAX = 10
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
KIND_MAX = 60
FURTHEST = timedelta(minutes=2)
"""A recurring job that is due later than this was scheduled while the clock was wrong, and is run early."""


@attrs.frozen
class JobHandler:
    """The function that runs the jobs of a kind.

    Attributes:
        do: Called with a unit without an actor, and the payload.
        attempts: The number of attempts after which a job is given up; None never gives up. Default: 10.
        first: The payload of a job that always exists, such as a periodic check; None for none.
    """

    do: Callable[..., object]
    attempts: int | None = ATTEMPTS_MAX
    first: object = None


@attrs.frozen
class LongRunningJob:
    """The functions that run the jobs of a kind that take long, each job in a thread of its own.

    Attributes:
        do: Called with the units, the payload, and a function to call before each slow step, which renews the claim. It
            opens units itself, and may be called again for steps that it has completed.
        attempts: The number of attempts without progress after which the job is given up. Default: 5.
        give_up: Called then, with the units, the payload, and the reason. None keeps the job in the list of those that
            were given up. Default: None.
        progress: Called with the units and the payload before another attempt; returns how far the job has come. Progress
            resets the count of attempts, so interruptions alone never end a job. None counts every attempt. Default:
            None.
        pool: The name of the threads in which the job runs, which kinds of jobs may share. Default: ``long``.
        takes_turns: Whether the jobs have a workspace, and workspaces take turns. Default: False.
    """

    do: Callable[..., None]
    give_up: Callable[..., None] | None = None
    progress: Callable[..., int] | None = None
    attempts: int = 5
    pool: str = "long"
    takes_turns: bool = False
    first: None = None


HANDLERS: Mapping[str, JobHandler | LongRunningJob] = {
    missions.RUN: LongRunningJob(running.run, running.give_up, running.count_steps, takes_turns=True),
    planning.PLAN: LongRunningJob(planning.run, planning.give_up, pool=PLANS, takes_turns=True),
    external_mission_timeout.CHECK: JobHandler(external_mission_timeout.check),
    acting.ACT: JobHandler(acting.act),
    due.CHECK: JobHandler(due.check, attempts=None, first={}),
    scheduling.CHECK: JobHandler(scheduling.check, attempts=None, first={}),
    scheduling.RUN: JobHandler(scheduling.run),
    recurring.CHECK: JobHandler(recurring.check, attempts=None, first={}),
    multipart_imports.EXPIRE: JobHandler(multipart_imports.expire),
    email_links.SEND_RESET_LINK: JobHandler(email_links.send_reset_link),
    purging.PURGE: JobHandler(purging.purge, attempts=None, first={}),
    purging.DELETE_ROWS: JobHandler(purging.delete_rows, attempts=None),
    deleted_containers.DELETE: JobHandler(deleted_containers.delete_batch, attempts=None),
    email_links.SEND_ADDRESS_LINK: JobHandler(email_links.send_address_link),
    erasure.ERASE: JobHandler(erasure.erase_batch, attempts=None),
    erasure.ERASE_MESSAGES: JobHandler(outbox.erase_batch, attempts=None),
    reminders.CHECK: JobHandler(reminders.check, attempts=None, first={}),
    watches.NOTIFY: JobHandler(watches.notify_watchers, attempts=None, first={}),
    indexing.INDEX: JobHandler(indexing.index_batch, attempts=None, first={}),
}
"""The handler of each kind of job."""


class _Lost(Exception):
    """Another runner has claimed the job in the meantime."""


class _Stopped(Exception):
    """The runner is stopping; another one continues with the job."""


class JobRunner:
    """The runner of the jobs of a core.

    Args:
        units: Opens the units of work.
        claims: The owner of the claims of this process.
        handlers: The handlers by kind of job. Jobs of other kinds are left alone.
        chance: Returns a random number from 0 to 1, which spreads the retries of jobs that failed together.

    Attributes:
        handlers: The handlers by kind of job, with those that were added.
    """

    def __init__(
        self,
        units: Units,
        claims: ClaimOwner,
        handlers: Mapping[str, JobHandler | LongRunningJob],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._units = units
        self._claims = claims
        self.handlers = dict(handlers)
        self._chance = chance
        self._alarm = threading.Event()
        self._started = False
        self._stopping = False
        self._threads: list[threading.Thread] = []
        units.env.signals.listen(self._receive)
        self._kinds: Collection[str] = self.handlers
        # The kinds of recurring jobs whose signals were received, and those that run: they are made due again afterwards.
        self._called: set[str] = set()
        self._running: set[str] = set()
        self._long_runners: list[JobRunner] = []
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Run no jobs in the child until ``start`` is called there: the threads belong to the parent."""
        self._alarm = threading.Event()
        self._started = False
        self._threads, self._kinds, self._long_runners = [], self.handlers, []
        self._running = set()

    def add_handler(self, kind: str, handler: JobHandler | LongRunningJob) -> None:
        """Add the handler of a kind of job.

        Args:
            kind: The kind, 1-60 characters.
            handler: The handler.

        Raises:
            RuntimeError: The runner has been started.
            ValueError: The kind is too long, or has a handler.
        """
        if self._started:
            raise RuntimeError("register handlers before jobs are started")
        if not 0 < len(kind) <= KIND_MAX:
            raise ValueError(f"the kind of a job has 1 to {KIND_MAX} characters: {kind!r}")
        if kind in self.handlers:
            raise ValueError(f"the kind {kind!r} has a handler already")
        self.handlers[kind] = handler

    # ------------------------------------------------------------------------------------------ the list

    def jobs(self, *, given_up: bool = False) -> list[Job]:
        """Return the jobs that exist, the oldest first.

        Args:
            given_up: Whether to return only the jobs that have been given up. Default: False, all jobs.
        """
        with self._units.database.reading() as connection:
            return jobs.list_jobs(connection, given_up=given_up)

    def retry(self, job_id: str) -> bool:
        """Retry a job that was given up, with a new count of attempts. Return False if there is no such job."""
        exists = self._write(jobs.retry, job_id, self._units.env.clock())
        self.wake()
        return exists

    # ------------------------------------------------------------------------------------------ running

    def run_due(self) -> int:
        """Run the jobs that are due, in this thread, until none is left or ``stop`` is called.

        Returns:
            The number of jobs.

        Raises:
            DBAPIError: The database does not answer. An error of a job is stored with the job instead.
        """
        self._claims.lock_file()
        count = 0
        while not self._stopping and (job := self._claim_next()) is not None:
            self._running.add(job.kind)
            try:
                with trace(f"job {job.kind}", "CONSUMER"):
                    self._do(job)
            finally:
                self._running.discard(job.kind)
            count += 1
        return count

    def begin(self) -> None:
        """Create missing recurring jobs, and make jobs due that a wrong clock has scheduled too late."""
        latest = self._units.env.clock() + FURTHEST
        for kind, handler in self.handlers.items():
            if handler.first is not None:
                with self._units.transaction(NOBODY) as uow:
                    jobs.enqueue(uow, kind, handler.first, key=kind)
                    jobs.hasten(uow.connection, kind, uow.now, latest)

    def _claim_next(self) -> Job | None:
        # Copied, since other threads claim jobs and receive signals in the meantime.
        for kind in self._called - self._running:
            self._called.discard(kind)
            now = self._units.env.clock()
            self._write(jobs.hasten, kind, now, now)
        with self._units.database.reading() as connection:
            due = jobs.due_by_kind(connection, self._kinds)
        now = self._units.env.clock()
        kinds = [kind for due_at, kind in due if due_at <= now]
        if not kinds:
            # Reading the schedule needs no write transaction.
            return None
        in_turn = {kind for kind, handler in self.handlers.items() if getattr(handler, "takes_turns", False)}
        return self._write(jobs.claim, kinds, now, self._units.env.new_id, self._claims.number, in_turn)

    def _write(
        self, change: Callable[Concatenate[Connection, P], T], *arguments: P.args, **options: P.kwargs
    ) -> T:
        """Return the result of a function that changes jobs, in a transaction."""
        with self._units.database.writing() as connection:
            return change(connection, *arguments, **options)

    def _next_due(self) -> datetime | None:
        with self._units.database.reading() as connection:
            return jobs.next_due(connection, self._kinds)

    def _do(self, job: Job) -> None:
        handler = self.handlers[job.kind]
        if isinstance(handler, LongRunningJob):
            self._do_long(job, handler)
            return

        def work(uow: UnitOfWork) -> None:
            uow.operation = job.kind
            # The job is deleted first: if two runners claim to own it, one waits for the other, and then
            # finds no row.
            if not jobs.complete(uow.connection, job):
                raise _Lost
            handler.do(uow, job.payload)

        if handler.attempts is not None and job.attempts > handler.attempts:
            self._write(jobs.put_off, job, "the process that ran the job ended before the job", None)
            return
        try:
            self._units.run(work)
        except _Lost:
            _log.warning("job %s (%s) took so long that another process has done it", job.id, job.kind)
        except Exception as error:  # noqa: BLE001 - one job must not stop the others
            _log.warning("job %s (%s) failed", job.id, job.kind, exc_info=error)
            fail_span(error)
            is_last = handler.attempts is not None and job.attempts >= handler.attempts
            due_at = None if is_last else self._after_pause(job)
            self._write(jobs.put_off, job, _describe(error), due_at)

    def _renew(self, job: Job) -> None:
        if self._stopping:
            raise _Stopped
        if not self._write(jobs.renew, job, self._units.env.clock()):
            raise _Lost

    def _do_long(self, job: Job, handler: LongRunningJob) -> None:
        try:
            if job.attempts > 1 and handler.progress is not None:
                progress = handler.progress(self._units, job.payload)
                job = self._write(jobs.record_progress, job, progress)
            if job.attempts > handler.attempts:
                self._give_up(job, handler, "the process that ran the job ended before the job")
                return
            handler.do(self._units, job.payload, partial(self._renew, job))
        except _Lost:
            _log.warning("job %s (%s) took so long that another process does it", job.id, job.kind)
        except _Stopped:
            now = self._units.env.clock()
            self._write(jobs.put_off, job, "the process that ran the job was stopped", now)
        except Exception as error:  # noqa: BLE001 - one job must not stop the others
            _log.warning("job %s (%s) failed", job.id, job.kind, exc_info=error)
            fail_span(error)
            if job.attempts < handler.attempts:
                due_at = max(self._after_pause(job), self._requested_time(error))
                self._write(jobs.put_off, job, _describe(error), due_at)
            else:
                self._give_up(job, handler, _describe(error))
        else:
            self._write(jobs.complete, job)

    def _give_up(self, job: Job, handler: LongRunningJob, error: str) -> None:
        if handler.give_up is None:
            self._write(jobs.put_off, job, error, None)
        else:
            handler.give_up(self._units, job.payload, error)
            self._write(jobs.complete, job)

    def _after_pause(self, job: Job) -> datetime:
        # Doubled 20 times, the pause is far beyond the longest one.
        doubled: int = 2 ** min(job.attempts - 1, 20)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * doubled)
        return self._units.env.clock() + pause * (0.75 + 0.5 * self._chance())

    def _requested_time(self, error: Exception) -> datetime:
        """Return the time at which an error asks for the next attempt."""
        seconds = error.retry_after or 0 if isinstance(error, ApiError) else 0
        return self._units.env.clock() + min(LONGEST_PAUSE, timedelta(seconds=seconds))

    # ------------------------------------------------------------------------------------------ threads

    def _receive(self, topic: str) -> None:
        if topic in self.handlers:
            self._called.add(topic)
        elif topic not in (JOBS, EVERYTHING):
            return
        self.wake()

    def wake(self) -> None:
        """Look for due jobs now."""
        self._alarm.set()
        for other in self._long_runners:
            other.wake()

    def start(self, threads: int = 1) -> None:
        """Run due jobs in the background, in the given number of threads. Default: 1."""
        self._started = True
        self._stopping = False
        self._threads = [
            threading.Thread(target=self.run, name="stellary-jobs", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Start no further job, and wait for the running ones.

        Args:
            timeout: Seconds to wait; None waits without limit.

        Returns:
            Whether all jobs ended in time.
        """
        self._stopping = True
        for other in self._long_runners:
            other._stopping = True  # noqa: SLF001 - of this class
        self.wake()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def run(self) -> None:
        """Run due jobs in this thread until another thread calls ``stop``. Long jobs get threads of their own."""
        self._started = True
        long = {
            kind: handler for kind, handler in self.handlers.items() if isinstance(handler, LongRunningJob)
        }
        if long and len(long) < len(self.handlers):
            self._kinds = self.handlers.keys() - long.keys()
            for pool in sorted({handler.pool for handler in long.values()}):
                shared = {kind: handler for kind, handler in long.items() if handler.pool == pool}
                self._long_runners += [
                    JobRunner(self._units, self._claims, shared, self._chance)
                    for _ in range(AT_ONCE.get(pool, 2))
                ]
            for other in self._long_runners:
                other.start()
        self._claims.start()
        try:
            self._run()
        finally:
            self._claims.stop()
            for other in self._long_runners:
                other.stop()
                self._units.env.signals.stop_listening(other._receive)  # noqa: SLF001 - of this class
            self._kinds, self._long_runners = self.handlers, []

    def _run(self) -> None:
        clock_offset: float | None = None
        while not self._stopping:
            # Cleared before the jobs are read, so that a job added from now on wakes this thread.
            self._alarm.clear()
            try:
                # The offset of the clock from monotonic time. It shrinks when the clock is set back.
                offset = self._units.env.clock().timestamp() - time.monotonic()
                if clock_offset is None or offset < clock_offset - CLOCK_STEP_SECONDS:
                    self.begin()
                clock_offset = offset
                self.run_due()
                pause = self._pause()
            except Exception as error:  # noqa: BLE001 - the database may be back soon
                _log.warning("jobs wait: %s", type(error).__name__)
                pause = RETRY_SECONDS
            if not self._stopping:
                self._alarm.wait(pause)

    def _pause(self) -> float:
        """Return the seconds until the jobs are read again, since other processes may add some without a signal."""
        due = self._next_due()
        seconds = POLL_SECONDS if due is None else (due - self._units.env.clock()).total_seconds()
        # Never 0: a due job that could not be claimed is being claimed by another process.
        return max(SHORTEST_SECONDS, min(POLL_SECONDS, seconds))


def _describe(error: Exception) -> str:
    """Return an error in one line."""
    return error.message if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
