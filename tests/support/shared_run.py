"""One test run: a ``pytest`` command with all its worker processes, and the directory that they share.

The first process that needs something expensive makes it there under a lock, and the others reuse it.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from tests.support import postgres

# The URL of a PostgreSQL server to use instead of the wheel's, by an account that may create databases.
SERVER_VARIABLE = "STELLARY_TEST_POSTGRES_URL"
STOP_SECONDS = 10
PREFIX = "stellary-tests-"
# Where files are kept in memory. A container often has next to nothing there.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 << 30


class Run:
    """The directory that the processes of a run share, and its files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._results: dict[str, str] = {}

    def once(self, name: str, make: Callable[[], str]) -> str:
        """Return the result of ``make``, which only the first process to ask for ``name`` calls.

        Raises:
            RuntimeError: If it failed, in this process or another one; no process tries again.
        """
        if name in self._results:
            return self._results[name]
        result, failure = self.directory / f"{name}.made", self.directory / f"{name}.failed"
        with FileLock(self.directory / f"{name}.lock"):
            if failure.exists():
                raise RuntimeError(f"{name}: failed before in this run:\n{failure.read_text()}")
            if not result.exists():
                try:
                    result.write_text(make())
                except Exception as error:
                    failure.write_text(f"{type(error).__name__}: {error}")
                    raise
        self._results[name] = result.read_text()
        return self._results[name]


class OwnedRun(Run):
    """The run in the process that started it, which cleans up when all others have ended."""

    def __init__(self) -> None:
        place = find_fast_folder()
        remove_orphans(place)
        super().__init__(Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)))
        # Another account may have to run PostgreSQL in here.
        self.directory.chmod(0o755)
        os.mkfifo(self.directory / postgres.ALIVE)
        # Held until the end, even if that is SIGKILL: the keeper of the server waits for it to close.
        # Both ends, since opening only the one for writing would wait for a reader.
        self.alive = os.open(self.directory / postgres.ALIVE, os.O_RDWR)

    def end(self) -> None:
        """Stop the server, and remove the directory."""
        os.close(self.alive)
        deadline = time.monotonic() + STOP_SECONDS
        while (self.directory / postgres.READY).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        shutil.rmtree(self.directory, ignore_errors=True)


def find_fast_folder() -> Path:
    """Return the folder of the databases: in memory if there is room, since a disk is ten times slower."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        return MEMORY
    return Path(tempfile.gettempdir())


def remove_orphans(place: Path) -> None:
    """Remove the directories of killed runs: no process holds their pipe open."""
    for directory in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            # A run that is just beginning has not opened its pipe yet.
            if directory.stat().st_mtime > time.time() - 60:
                continue
            try:
                os.close(os.open(directory / postgres.ALIVE, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                shutil.rmtree(directory)
