"""Server processes, each pinned to one CPU core and measured from outside."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import attrs

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 15


def cores() -> tuple[int, int]:
    """Return the CPU core for the servers and the one for the load, which may be the same."""
    free = sorted(os.sched_getaffinity(0))
    return free[0], free[-1]


@attrs.frozen
class Server:
    """A running server.

    Attributes:
        port: Its port on this machine.
        ready_seconds: The time from its start until it printed that it is ready.
    """

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads, as in ``/proc/PID/stat`` but in nanoseconds."""
        # The clock of another process (clock_getcpuclockid in the C library).
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def memory_bytes(self) -> int:
        """Return the resident memory of the process."""
        return self._read_status("VmRSS")

    def peak_memory_bytes(self) -> int:
        """Return the most resident memory that the process has had."""
        return self._read_status("VmHWM")

    def _read_status(self, name: str) -> int:
        match = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert match is not None
        return int(match[1]) * 1024


@contextlib.contextmanager
def server(
    arguments: Sequence[str],
    core: int,
    log: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
    ready: bytes = rb"ready (\d+)\n",
) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        arguments: The arguments of Python: ``["-m", "benchmarks.bare", …]``.
        core: The CPU core that it may use.
        log: A file for its standard error.
        environment: Variables in addition to those of this process.
        ready: The pattern of the line that it prints when it listens; the group is the port.

    Raises:
        RuntimeError: It ended before that; the message contains its standard error.
    """
    began = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            # No thread is running here; and a server must not have begun on the other core.
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.search(ready, line):
                yield Server(process, int(match[1]), time.perf_counter() - began)
                return
        raise RuntimeError(f"{' '.join(arguments)} did not start:\n{log.read_text()}")
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
