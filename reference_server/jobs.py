"""``python -m reference_server worker`` runs background jobs, ``jobs`` lists and retries them, ``sweep`` deletes old rows."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from reference_server.log import configure
from reference_server.mail import sending_in_thread
from reference_server.serve import exclusive_database, migrate, open_core
from reference_server.settings import Settings, SettingsError
from stellary.core import Core
from stellary.core.kernel.owned_blobs import ForeignStore
from stellary.core.ports.mail import Mailer, log_email


def work(settings: Settings) -> None:
    """Run jobs until a signal stops the process, which finishes its current job first.

    Raises:
        SettingsError: The database cannot be used, or a server uses the same SQLite file and runs its own jobs.
    """
    with (
        closing(configure(settings.log)),
        exclusive_database(settings),
        sending_in_thread(settings) as mailer,
        open_migrated(settings, mailer=mailer) as core,
    ):

        def stop(*_: Any) -> None:
            # The worker's thread is joined below; here it is only notified.
            core.webhook_worker.stop(0)
            core.work.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        sys.stdout.write("Stellary runs background jobs. Ctrl-C stops it.\n")
        sys.stdout.flush()
        core.relay.start()
        core.webhook_worker.start()
        core.work.run()
        core.webhook_worker.stop()
        core.relay.stop()


def bring_up_to_date(settings: Settings) -> None:
    """Migrate the database.

    Raises:
        SettingsError: The database cannot be used, or a server uses the same SQLite file.
    """
    with exclusive_database(settings), open_migrated(settings):
        sys.stdout.write("the schema of the database is up to date\n")


def sweep(settings: Settings, *, adopts_files: bool = False) -> None:
    """Delete the rows whose time is over and unused files, as a server does every hour, and print their numbers.

    Args:
        settings: The settings of the server.
        adopts_files: Whether the file store may have belonged to another database.

    Raises:
        SettingsError: The database or the file store cannot be used.
    """
    with open_migrated(settings) as core:
        if adopts_files:
            core.adopt_files()
        for table, count in sorted(core.delete_expired().items()):
            sys.stdout.write(f"{table}\t{count}\n")
        try:
            sys.stdout.write(f"files\t{core.sweep()}\n")
        except ForeignStore as error:
            raise SettingsError(error.message) from error


def show(settings: Settings, *, given_up: bool) -> int:
    """Print the waiting jobs, or those that failed too often, and return the exit code."""
    with open_migrated(settings) as core:
        for job in core.work.jobs(given_up=given_up):
            when = "given up" if job.due_at is None else job.due_at.isoformat()
            sys.stdout.write(f"{job.id}\t{job.kind}\t{when}\t{job.attempts} attempts\t{job.error or ''}\n")
    return 0


def retry(settings: Settings, ids: list[str]) -> int:
    """Retry jobs that failed too often, all of them by default; return 1 if one of the ids does not exist."""
    missing = False
    with open_migrated(settings) as core:
        for job_id in ids or [job.id for job in core.work.jobs(given_up=True)]:
            was_given_up = core.work.retry(job_id)
            missing = missing or not was_given_up
            sys.stdout.write(f"{job_id} {'will be tried again' if was_given_up else 'is not a failed job'}\n")
    return int(missing)


@contextmanager
def open_migrated(settings: Settings, mailer: Mailer = log_email) -> Iterator[Core]:
    """Yield a core on the migrated database of a server, for a command.

    Args:
        settings: The settings of the server.
        mailer: Sends the emails of the command. By default, they are logged.

    Raises:
        SettingsError: The database cannot be used.
    """
    with closing(open_core(settings, mailer)) as core:
        migrate(core, settings.database_wait)
        yield core
