"""Jobs of a server: done beside it or by a worker, shown and tried again from the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from reference_server.__main__ import main
from reference_server.settings import Settings
from stellary.core import Core
from stellary.core.api.job_runner import Handler, JobRunner
from stellary.core.db.base import system_clock
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import NOBODY
from tests.server.processes import attempted, clean_environment, started
from tests.server.running import running


def ask(core, kind="note", **more):
    with core.begin(NOBODY) as uow:
        jobs.enqueue(uow, kind, "a", **more)


@pytest.mark.parametrize("does_jobs", [True, False])
def test_a_server_does_jobs_unless_it_is_told_not_to(sqlite_url, does_jobs):
    core, done = Core(sqlite_url), threading.Event()
    core.work = JobRunner(core.units, core.claims, {"note": Handler(lambda uow, payload: done.set())})
    with running(core, settings=Settings(jobs=does_jobs)):
        ask(core)
        assert done.wait(10 if does_jobs else 0.2) == does_jobs
    core.close()


def given_up(core):
    """The id of a job that was given up."""
    ask(core)
    with core.database.writing() as connection:
        job = jobs.claim(connection, ["note"], system_clock(), core.env.new_id)
        jobs.put_off(connection, job, "LookupError: no a", None)
    return job.id


def test_jobs_are_shown_and_tried_again_from_the_command_line(sqlite_url, tmp_path, capsys):
    core = Core(sqlite_url)
    dead = given_up(core)
    ask(core, due_at=system_clock() + timedelta(hours=1))
    place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]

    def said(*arguments):
        code = main([*arguments, *place])
        return code, capsys.readouterr().out

    code, shown = said("jobs", "list")
    assert (code, len(shown.splitlines())) == (0, 2)
    assert said("jobs", "list", "--given-up") == (
        0,
        f"{dead}\tnote\tgiven up\t1 attempts\tLookupError: no a\n",
    )
    assert said("jobs", "retry") == (0, f"{dead} will be tried again\n")
    assert said("jobs", "retry", dead) == (1, f"{dead} was not given up\n")
    assert said("jobs", "list", "--given-up") == (0, "")
    core.close()


@pytest.mark.slow
def test_a_worker_works_until_it_is_stopped(postgres_url, tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-m", "reference_server", "worker", "--database-url", postgres_url],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout.readline().startswith("Stellary runs background jobs.")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    worker.stdout.close()


@pytest.mark.slow
def test_no_worker_beside_a_server_on_sqlite(tmp_path):
    with started(tmp_path):
        code, said = attempted(tmp_path, "worker")
    assert code == 2
    assert "another server uses" in said
