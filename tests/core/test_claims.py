"""Claims of dead processes: other processes take over their jobs within seconds, and never those of a living process."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from stellary.core import NOBODY, Core
from stellary.core.api.job_runner import LongRunningJob
from stellary.core.kernel import claims
from tests.support.core_parts import JobHandler, JobRunner, jobs
from tests.support.forkserver import context
from tests.support.waiting import wait_until
from tests.support.world import StoppedClock

pytestmark = pytest.mark.slow("waits for processes that end")

SOON = jobs.LEASE.total_seconds() / 3
"""Seconds: far more than it takes, far less than a lease."""


def note(uow, payload):
    uow.connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": payload})


def notes(core):
    with core.database.reading() as connection:
        return connection.execute(text("SELECT note FROM notes")).scalars().all()


def enqueue(core, payload="a"):
    with core.begin(NOBODY) as uow:
        jobs.enqueue(uow, "note", payload)


def test_dead_processes_are_noticed_long_before_their_leases_end():
    assert jobs.LEASE.total_seconds() / 10 > claims.ABSENT_SECONDS


class CheckClock:
    """The clock of the checks for dead processes. It stands still until the test moves it."""

    def __init__(self):
        self.now = 0.0
        self.checks = Counter()

    def monotonic(self):
        self.checks[threading.get_ident()] += 1
        return self.now

    def advance(self, sessions=1):
        """Let so much time pass that a lock counts as missing, and wait until each session has checked twice."""
        self.now += claims.ABSENT_SECONDS
        self.checks.clear()
        wait_until(lambda: len(self.checks) == sessions and min(self.checks.values()) > 2)


@pytest.fixture
def check_clock(monkeypatch):
    clock = CheckClock()
    monkeypatch.setattr(claims, "time", clock)
    return clock


@contextmanager
def worker(core, do=note):
    """A thread that does the jobs of a core."""
    core.work = work = JobRunner(core.units, core.claims, {"note": JobHandler(do)})
    work.start()
    try:
        yield work
    finally:
        assert work.stop(20)


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch):
    monkeypatch.setattr(claims, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(claims, "RECONNECT_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def notes_table(request):
    if "core" in request.fixturenames:
        with request.getfixturevalue("core").database.writing() as connection:
            connection.execute(text("CREATE TABLE notes (note TEXT)"))


def find_holder(connection, session):
    """Return the id of the database process that holds the lock of a session, if there is one."""
    statement = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = :number")
    return connection.execute(statement, {"number": session.number}).scalar()


def long(do):
    """A handler that does its job with no transaction open."""
    return LongRunningJob(
        do=lambda units, payload, keep: do(units, payload), give_up=lambda *_: None, progress=lambda *_: 0
    )


def hold_a_job(url: str, claimed) -> None:
    """Begin a job and never end it."""

    def hang(units, payload):
        claimed.set()
        time.sleep(120)

    with closing(Core(url)) as core:
        core.work = work = JobRunner(core.units, core.claims, {"note": long(hang)})
        work.run()


@contextmanager
def process_with_a_job(url):
    """Another process that has claimed the job."""
    claimed = context.Event()
    process = context.Process(target=hold_a_job, args=(url, claimed), daemon=True)
    process.start()
    try:
        assert claimed.wait(60)
        yield process
    finally:
        process.kill()
        process.join(20)


def test_jobs_of_a_killed_process_are_done_long_before_their_lease_ends(core, database_url, monkeypatch):
    monkeypatch.setattr(claims, "ABSENT_SECONDS", 0)
    enqueue(core)
    with process_with_a_job(database_url) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.join(20)
        with worker(core):
            wait_until(lambda: notes(core) == ["a"])


def test_jobs_of_a_living_process_are_left_to_it(core, database_url, check_clock):
    enqueue(core)
    with process_with_a_job(database_url), worker(core):
        if not core.database.is_sqlite:
            check_clock.advance()
        assert core.work.run_due() == 0
        (job,) = core.work.jobs()
        assert (job.attempts, notes(core)) == (1, [])


@pytest.mark.postgres
def test_a_running_process_takes_over_when_another_one_dies(postgres_url, monkeypatch):
    monkeypatch.setattr(claims, "ABSENT_SECONDS", 0)
    with closing(Core(postgres_url)) as core:
        with core.database.writing() as connection:
            connection.execute(text("CREATE TABLE notes (note TEXT)"))
        enqueue(core)
        with process_with_a_job(postgres_url) as process, worker(core):
            assert notes(core) == []
            os.kill(process.pid, signal.SIGKILL)
            wait_until(lambda: notes(core) == ["a"])


@pytest.mark.postgres
def test_a_process_that_loses_its_session_keeps_its_claims(postgres_url, check_clock):
    with closing(Core(postgres_url)) as core, closing(Core(postgres_url)) as other:
        with core.database.writing() as connection:
            connection.execute(text("CREATE TABLE notes (note TEXT)"))
        started, may_end = threading.Event(), threading.Event()

        def send(units, payload):
            started.set()
            assert may_end.wait(60)
            with units.transaction(NOBODY) as uow:
                note(uow, payload)

        core.work = work = JobRunner(core.units, core.claims, {"note": long(send)})
        work.start()
        enqueue(core)
        assert started.wait(20)
        with worker(other):
            session = core.claims._session
            with other.database.writing() as connection:
                former = find_holder(connection, session)
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": former})
                wait_until(lambda: find_holder(connection, session) not in (None, former))
            for _ in range(2):
                check_clock.advance(sessions=2)
            may_end.set()
            wait_until(lambda: work.jobs() == [])
        assert work.stop(20)
        assert notes(core) == ["a"]


def claim(core, now):
    with core.database.writing() as connection:
        return jobs.claim(connection, ["note"], now, core.env.new_id, 7)


def test_a_job_that_ends_every_process_waits_for_its_lease_in_the_end(core):
    clock = StoppedClock()
    core.env.clock = clock
    enqueue(core)
    released = []
    for _ in range(jobs.RELEASES_MAX):
        assert claim(core, clock.now)
        with core.database.writing() as connection:
            released.append(jobs.release(connection, clock.now, 7))
    assert released == [1, 1, 0]
    assert claim(core, clock.now) is None
    assert claim(core, clock.now + jobs.LEASE + timedelta(seconds=1))


def test_the_lock_beside_an_sqlite_file_is_private(sqlite_core):
    sqlite_core.work.run_due()
    file = sqlite_core.database.file
    assert file.with_name(f"{file.name}.jobs.lock").stat().st_mode & 0o777 == 0o600
