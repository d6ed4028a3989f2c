"""The FastAPI application of the guide, and servers that run it in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reference_server.sockets import bind_socket
from tests.server.processes import clean_environment
from tests.server.running import Reachable

ROOT = Path(__file__).parents[2]
HOST = ROOT / "docs" / "examples" / "hosts" / "fastapi"
SECRET = "a key for the tests, of 32 bytes or more"
START_SECONDS = 60.0

COMMANDS: Mapping[str, Sequence[str]] = {
    "uvicorn": ("uvicorn", "helpdesk.main:create_app", "--factory", "--workers={workers}", "--port={port}"),
    "hypercorn": (
        "hypercorn",
        "helpdesk.main:create_app()",
        "--workers={workers}",
        "--bind=127.0.0.1:{port}",
    ),
    "gunicorn": (
        "gunicorn",
        "helpdesk.main:create_app()",
        "--worker-class=uvicorn_worker.UvicornWorker",
        "--workers={workers}",
        "--bind=127.0.0.1:{port}",
    ),
}
"""The command line of each server, in the folder of the host."""


def build_environment(folder: Path, database_url: str) -> dict[str, str]:
    """Return the environment variables of the host.

    Args:
        folder: The folder for its files.
        database_url: The URL of its database.
    """
    return {
        **clean_environment(),
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET,
        "PYTHONPATH": f"{HOST}:{ROOT}",
    }


def run_pytest(arguments: Sequence[str]) -> int:
    """Run the tests of the host, as ``pytest`` does in its folder."""
    plugins = [f"-pno:{name}" for name in ("cacheprovider", "randomly", "asyncio", "slipcover")]
    return int(pytest.main(["-W", "error", *plugins, *arguments]))


def run_prestart(_: Sequence[str]) -> None:
    """Run ``python -m helpdesk.prestart``."""
    sys.path.insert(0, str(HOST))
    from helpdesk.prestart import prepare
    from helpdesk.settings import Settings

    prepare(Settings.from_environment())


class Server(Reachable):
    """A server of the host.

    Attributes:
        process: Its process, which may have workers as children.
        log: The file of its output.
    """

    def __init__(self, name: str, workers: int, environment: Mapping[str, str], log: Path) -> None:
        with bind_socket("127.0.0.1", 0) as listening:
            self.port = listening.getsockname()[1]
        values = {"workers": str(workers), "port": str(self.port)}
        arguments = [argument.format(**values) for argument in COMMANDS[name]]
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=HOST,
                env=environment,
                stdout=output,
                stderr=output,
                # A group of its own, so that ``serving`` can end all of its workers.
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until the server answers.

        Raises:
            AssertionError: It has ended, or does not answer for a minute.
        """
        started_at = time.monotonic()
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - started_at < START_SECONDS, self.log.read_text()
            try:
                if self.ask("GET", "/board/health/ready").status == 200:
                    return
            except OSError:
                time.sleep(0.05)


@contextmanager
def serving(name: str, workers: int, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Run a server of the host until the block ends.

    Args:
        name: A key of ``COMMANDS``.
        workers: The number of its processes.
        environment: All of its environment variables.
        log: The file for its output.
    """
    server = Server(name, workers, environment, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(60)
