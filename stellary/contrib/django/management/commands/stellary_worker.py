"""``manage.py stellary_worker``, which runs the background jobs of Stellary in a process of its own."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from stellary.contract.errors import Unavailable
from stellary.contrib.django.cores import get_core, reset_core

SWEEP_SECONDS = 3600.0
_STOP_SECONDS = 10.0


class Command(BaseCommand):
    """The command."""

    help = "Runs background jobs, sends webhook messages, and deletes unused files, until it is interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option ``--once``."""
        parser.add_argument("--once", action="store_true", help="Run what is due, and end.")

    def handle(self, **options: Any) -> None:
        """Run jobs until SIGINT or SIGTERM."""
        core = get_core()
        if options["once"]:
            core.work.run_due()
            core.webhook_worker.run_due()
            core.sweep()
            return
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        core.relay.start()
        core.work.start()
        core.webhook_worker.start()
        self.stdout.write("The worker has started.")
        self.stdout.flush()
        while not stopping.is_set():
            try:
                core.sweep()
            except Unavailable as error:
                self.stderr.write(f"unused files could not be deleted: {error}")
            stopping.wait(SWEEP_SECONDS)
        core.webhook_worker.stop(0)
        core.work.stop(_STOP_SECONDS)
        core.webhook_worker.stop(_STOP_SECONDS)
        core.relay.stop(_STOP_SECONDS)
        reset_core()
