"""Workers: several processes on one port, among which the system distributes connections. A worker that dies is restarted."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reference_server.settings import Settings, SettingsError

VARIABLE = "STELLARY_WORKER_SOCKET"
"""The variable that makes a process a worker: the descriptor of its socket to the supervisor."""

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of the folder in which workers share their metrics, as the Prometheus library names it."""

STARTING_SECONDS = 60.0
STOPPING_SECONDS = 30.0
LIVED_SECONDS = 10.0
PAUSE, PAUSE_MAX = 0.1, 10.0
_UP = b"u"


class Worker:
    """A worker process, which is restarted when it dies, until it is stopped.

    Args:
        environment: The environment of the process.
        arguments: The command to run.
    """

    def __init__(self, environment: Mapping[str, str], arguments: list[str]) -> None:
        self._environment = environment
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.up = asyncio.Event()

    async def keep(self) -> int:
        """Run the worker until it is stopped, or dies before it was up for the first time.

        Returns:
            The exit code of the process.
        """
        pause = PAUSE
        while True:
            started_at = asyncio.get_running_loop().time()
            code = await self._run()
            if self._stopping.is_set() or not self.up.is_set():
                return code
            pause = PAUSE if asyncio.get_running_loop().time() - started_at > LIVED_SECONDS else pause * 2
            _print_notice(f"a worker has died ({_describe_exit(code)}) and is started again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(pause, PAUSE_MAX))
                return code

    async def _run(self) -> int:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    env={**self._environment, VARIABLE: str(theirs.fileno())},
                    pass_fds=[theirs.fileno()],
                )
            if self._stopping.is_set():
                # It was stopped while it was starting.
                self._process.terminate()
            ours.setblocking(False)
            if await asyncio.get_running_loop().sock_recv(ours, 1) == _UP:
                self.up.set()
            # The socket stays open until then. If it closes before, the worker knows that its supervisor has died.
            code = await self._process.wait()
        self._forget(self._process.pid)
        return code

    def _forget(self, pid: int) -> None:
        """Delete the live gauges of a process that has ended, and keep its counters."""
        for file in Path(self._environment[SHARED]).glob(f"gauge_live*_{pid}.db"):
            file.unlink()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the worker: by default after its current requests, by ``SIGKILL`` immediately."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


async def supervise(
    settings: Settings,
    environment: Mapping[str, str],
    arguments: list[str],
    count: int,
    up: Callable[[], None],
) -> int:
    """Run workers until a signal stops them.

    Args:
        settings: The settings of the workers.
        environment: The environment of the workers.
        arguments: The command of each worker.
        count: The number of workers.
        up: Called when all workers accept requests.

    Returns:
        The exit code: 0 unless a worker could not be started.

    Raises:
        SettingsError: Several processes cannot share the database.
    """
    if settings.sqlite_file is not None:
        raise SettingsError(
            "more than one worker requires PostgreSQL, since only one process can write to SQLite"
        )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[int]] = []
    metrics = tempfile.TemporaryDirectory(prefix="stellary-metrics-")
    workers = [Worker({**environment, SHARED: metrics.name}, arguments) for _ in range(count)]
    try:
        # The first one migrates, without a time limit, and reports problems; the others start after it.
        for group, patience in ((workers[:1], None), (workers[1:], STARTING_SECONDS)):
            tasks += [asyncio.create_task(worker.keep()) for worker in group]
            if not await _all_up(group, [*tasks, stopped], patience):
                break
        else:
            up()
        await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        return 0 if stop.is_set() else next(task.result() for task in tasks if task.done()) or 1
    finally:
        await _stop_workers(workers, tasks, settings.stop_delay + STOPPING_SECONDS)
        stopped.cancel()
        metrics.cleanup()


async def _all_up(workers: list[Worker], over: Sequence[asyncio.Future[Any]], patience: float | None) -> bool:
    """Wait until workers are up; return False if a task ends or ``patience`` seconds pass before."""

    async def wait() -> None:
        for worker in workers:
            await worker.up.wait()

    up = asyncio.create_task(wait())
    await asyncio.wait([up, *over], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        up.cancel()
        await asyncio.wait([up])
    return not up.cancelled()


async def _stop_workers(workers: list[Worker], tasks: list[asyncio.Task[int]], patience: float) -> None:
    for worker in workers:
        worker.stop()
    _, running = await asyncio.wait(tasks, timeout=patience)
    if running:
        for worker in workers:
            worker.stop(signal.SIGKILL)
        await asyncio.wait(running)


class SupervisorLink:
    """The worker's end of the socket to its supervisor.

    Args:
        number: The descriptor of the socket, from ``VARIABLE``.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        os.set_inheritable(number, False)
        # Ctrl-C reaches every process of a terminal; the supervisor decides when workers stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def up(self) -> None:
        """Report that requests are accepted, and stop when the supervisor dies."""
        self._socket.sendall(_UP)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._on_supervisor_exit)

    def _on_supervisor_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        os.kill(os.getpid(), signal.SIGTERM)


def _describe_exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _print_notice(sentence: str) -> None:
    sys.stderr.write(f"stellary: {sentence}\n")
    sys.stderr.flush()
