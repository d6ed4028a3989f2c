"""The settings of gunicorn: it creates the application once, and forks its workers from it."""

from __future__ import annotations

import os
from typing import Protocol

from flask import Flask
from repairs.services import close_services

# --8<-- [start:gunicorn]
bind = os.environ.get("BIND", "127.0.0.1:8000")
preload_app = True
workers = 2
# Each event stream occupies a thread.
worker_class = "gthread"
threads = 24
graceful_timeout = 10


class Worker(Protocol):
    """A worker of gunicorn, with its application."""

    wsgi: Flask


def worker_exit(server: object, worker: Worker) -> None:
    """End streams and jobs, and close the connections, when a worker stops."""
    close_services(worker.wsgi)


# --8<-- [end:gunicorn]
