"""Jobs of killed processes: none is lost and none is executed twice."""

import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import text

from stellary.core import NOBODY, Core
from tests.support.core_parts import JobHandler, JobRunner, jobs, system_clock
from tests.support.forkserver import context

pytestmark = pytest.mark.slow("kills processes")

# Where the process is killed, and how often the job has had its effect in the end.
STEPS = {
    "before the change is committed": 0,
    "after the change": 1,
    "after the claim": 1,
    "before the effect is committed": 1,
    "after the effect": 1,
    "before a failure is noted": 1,
    "after a failure is noted": 1,
}


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def note(uow, payload):
    uow.connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": payload})


def live(url: str, step: str) -> None:
    """Enqueue and run jobs until the process is killed."""

    def do(uow, payload):
        note(uow, payload)
        if step == "before the effect is committed":
            die()
        if step == "after the effect":
            uow.after_commit.append(die)
        if "failure" in step:
            raise LookupError

    core = Core(url)
    core.work = work = JobRunner(core.units, core.claims, {"note": JobHandler(do)})
    if step == "after the claim":
        work._do = die
    if step == "before a failure is noted":
        jobs.put_off = die
    with core.begin(NOBODY) as uow:
        jobs.enqueue(uow, "note", "a")
        if step == "before the change is committed":
            die()
    if step != "after the change":
        work.run_due()
    die()


@pytest.mark.parametrize("step", STEPS)
def test_job_of_a_killed_process_is_executed_once(core, database_url, step):
    with core.database.writing() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    process = context.Process(target=live, args=(database_url, step))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    core.work = work = JobRunner(core.units, core.claims, {"note": JobHandler(note)})
    core.env.clock = lambda: system_clock() + 2 * jobs.LEASE + timedelta(seconds=1)
    work.run_due()
    with core.database.reading() as connection:
        assert len(connection.execute(text("SELECT note FROM notes")).all()) == STEPS[step]
    assert work.jobs() == []
