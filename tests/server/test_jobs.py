"""Jobs of a server: run by the server or a worker, listed and retried from the command line."""

import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import update

from stellary import Stellary
from stellary.core import NOBODY, Core
from tests.server.processes import run_failing, run_process, running_worker
from tests.server.running import running
from tests.support.core_parts import JobHandler, JobRunner, jobs, system_clock
from tests.support.server_parts import Settings, main
from tests.support.waiting import wait_until


def enqueue(core, kind="note", **more):
    with core.begin(NOBODY) as uow:
        jobs.enqueue(uow, kind, "a", **more)


@pytest.mark.parametrize("runs_jobs", [True, False])
def test_server_runs_jobs_unless_disabled(sqlite_url, runs_jobs):
    core, done = Core(sqlite_url), threading.Event()
    core.work = JobRunner(core.units, core.claims, {"note": JobHandler(lambda uow, payload: done.set())})
    with running(core, settings=Settings(jobs=runs_jobs)):
        enqueue(core)
        assert done.wait(10 if runs_jobs else 0.1) == runs_jobs
    core.close()


def create_failed_job(core):
    """Create a job that was given up, and return its id."""
    enqueue(core)
    with core.database.writing() as connection:
        job = jobs.claim(connection, ["note"], system_clock(), core.env.new_id)
        jobs.put_off(connection, job, "LookupError: no a", None)
    return job.id


def test_command_lists_and_retries_jobs(sqlite_url, tmp_path, capsys):
    core = Core(sqlite_url)
    dead = create_failed_job(core)
    enqueue(core, due_at=system_clock() + timedelta(hours=1))
    place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]

    def run_command(*arguments):
        return main([*arguments, *place]), capsys.readouterr().out

    code, output = run_command("jobs", "list")
    assert (code, len(output.splitlines())) == (0, 2)
    given_up = f"{dead}\tnote\tgiven up\t1 attempts\tLookupError: no a\n"
    assert run_command("jobs", "list", "--given-up") == (0, given_up)
    assert run_command("jobs", "retry") == (0, f"{dead} will be tried again\n")
    assert run_command("jobs", "retry", dead) == (1, f"{dead} is not a failed job\n")
    assert run_command("jobs", "list", "--given-up") == (0, "")
    core.close()


def test_command_deletes_expired_rows(sqlite_url, tmp_path, capsys, monkeypatch):
    core = Core(sqlite_url)
    core.migrate()
    create_failed_job(core)
    with core.database.writing() as connection:
        connection.execute(update(jobs.jobs).values(created_at=system_clock() - timedelta(days=40)))
    core.close()
    place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]
    assert main(["sweep", *place]) == 0
    assert "stellary_jobs\t0" in capsys.readouterr().out.splitlines()
    monkeypatch.setenv("STELLARY_JOB_DAYS", "30")
    assert main(["sweep", *place]) == 0
    output = capsys.readouterr().out.splitlines()
    assert "stellary_jobs\t1" in output
    assert output[-1] == "files\t0"


def test_store_of_another_database_is_refused_until_it_is_adopted(sqlite_url, tmp_path, capsys):
    owner = ["--data-dir", str(tmp_path)]
    other = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]
    assert main(["sweep", *owner]) == 0
    assert main(["sweep", *other]) == 2
    assert "stellary: the file store belongs to another database;" in capsys.readouterr().err
    code, output = run_failing(tmp_path, "--port", "0", *other)
    assert code == 2
    assert "the file store cannot be used: the file store belongs to another database;" in output
    assert main(["sweep", *other, "--adopt-files"]) == 0
    assert main(["sweep", *owner]) == 2


def test_operator_prints_a_link_that_resets_a_password(sqlite_url, tmp_path, capsys):
    core = Core(sqlite_url, bcrypt_rounds=4)
    core.migrate()
    with Stellary.embedded(core.port()) as client:
        client.auth.register(email="ann@example.com", password="correct horse")
        place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]
        assert main(["reset-password", "Ann@example.com", *place]) == 0
        token = capsys.readouterr().out.strip().rpartition("/reset-password/")[2]
        client.auth.reset_password(token=token, new_password="a new password")
        assert client.auth.login(email="ann@example.com", password="a new password").user.name == "ann"
        assert main(["reset-password", "bob@example.com", *place]) == 1
        assert "no account" in capsys.readouterr().err
    core.close()


@pytest.mark.slow("starts a process")
def test_worker_mails_links_until_sigterm(postgres_url, tmp_path, mailbox):
    box, port = mailbox
    core = Core(postgres_url, bcrypt_rounds=4)
    core.migrate()
    with Stellary.embedded(core.port()) as client:
        client.auth.register(email="ann@example.com", password="correct horse")
        client.auth.forgot_password(email="ann@example.com")
    core.close()
    environment = {
        "STELLARY_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "STELLARY_PUBLIC_URL": "https://pm.example.com",
    }
    with running_worker(postgres_url, tmp_path, environment):
        wait_until(lambda: box.emails)
    message = message_from_bytes(box.emails[0].content, policy=policy.default)
    assert message.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        assert "https://pm.example.com/reset-password/" in message.get_body([kind]).get_content()


@pytest.mark.slow("starts a process")
def test_worker_beside_a_server_on_sqlite_is_rejected(tmp_path):
    with run_process(tmp_path):
        code, stderr = run_failing(tmp_path, "worker")
    assert code == 2
    assert "another server uses" in stderr
