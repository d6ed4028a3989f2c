"""``python -m reference_server worker`` does jobs and nothing else; ``jobs`` shows them, and tries them again."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reference_server import log
from reference_server.serve import alone, migrate, open_core
from reference_server.settings import Settings
from reference_server.webhook_sender import HttpWebhookSender
from stellary.core import Core
from stellary.core.kernel.jobs import Job


def work(settings: Settings) -> None:
    """Do jobs until a signal says stop; the one that is being done is done before.

    Raises:
        SettingsError: The database cannot be used, or a server uses the same SQLite file, which does its own jobs.
    """
    lines = log.configure(settings.log)
    with alone(settings), _opened(settings) as core:

        def stop(*_: Any) -> None:
            # One of a thread of its own is joined below; here it is only told.
            core.webhook_worker.stop(0)
            core.work.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        sys.stdout.write("Stellary does jobs. Ctrl-C stops it.\n")
        sys.stdout.flush()
        core.relay.start()
        core.webhook_worker.start()
        core.work.run()
        core.webhook_worker.stop()
        core.relay.stop()
    lines.close()


def bring_up_to_date(settings: Settings) -> None:
    """Migrate the database, and nothing else.

    Raises:
        SettingsError: The database cannot be used, or a server uses the same SQLite file.
    """
    with alone(settings), _opened(settings):
        sys.stdout.write("the schema of the database is up to date\n")


def show(settings: Settings, *, given_up: bool) -> int:
    """Print the jobs that are to be done, or have been given up; the exit code."""
    with _opened(settings) as core:
        for job in core.work.jobs(given_up=given_up):
            sys.stdout.write(_line(job) + "\n")
    return 0


def retry(settings: Settings, ids: list[str]) -> int:
    """Have jobs tried again that were given up, all of them if none is named; 1 if one of them is not there."""
    missing = False
    with _opened(settings) as core:
        for job_id in ids or [job.id for job in core.work.jobs(given_up=True)]:
            found = core.work.retry(job_id)
            missing = missing or not found
            sys.stdout.write(f"{job_id} {'will be tried again' if found else 'was not given up'}\n")
    return int(missing)


def _line(job: Job) -> str:
    when = "given up" if job.due_at is None else job.due_at.isoformat()
    return "\t".join((job.id, job.kind, when, f"{job.attempts} attempts", job.error or ""))


@contextmanager
def _opened(settings: Settings) -> Iterator[Core]:
    core = open_core(
        settings,
        blobs=settings.blobs,
        webhook_sender=HttpWebhookSender(),
        private_webhooks=settings.private_webhooks,
    )
    try:
        migrate(core, settings.database_wait)
        yield core
    finally:
        core.close()
