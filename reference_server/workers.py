"""Workers: several processes on one port. The system shares out the connections; one that dies is started again."""

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
"""Tells a process that it is a worker: the number of its end of a socket to the process that has started it."""

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The folder in which workers share what they count; the name is that of the library which does."""

STARTING_SECONDS = 60.0
STOPPING_SECONDS = 30.0
LIVED_SECONDS = 10.0
PAUSE, PAUSE_MAX = 0.1, 10.0
_UP = b"u"


class Worker:
    """One worker: started, watched, and started again until it is told to stop.

    Args:
        environment: Of the process.
        arguments: What is run.
    """

    def __init__(self, environment: Mapping[str, str], arguments: list[str]) -> None:
        self._environment = environment
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.up = asyncio.Event()

    async def keep(self) -> int:
        """Run until it is stopped, or has died before it was up for the first time.

        Returns:
            The code that it ended with.
        """
        pause = PAUSE
        while True:
            begun = asyncio.get_running_loop().time()
            code = await self._run()
            if self._stopping.is_set() or not self.up.is_set():
                return code
            pause = PAUSE if asyncio.get_running_loop().time() - begun > LIVED_SECONDS else pause * 2
            _say(f"a worker has died ({_how(code)}) and is started again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(pause, PAUSE_MAX))
                return code

    def stop(self) -> None:
        """Let it finish what it has begun."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

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
                # It was told so while it was being started.
                self._process.terminate()
            ours.setblocking(False)
            if await asyncio.get_running_loop().sock_recv(ours, 1) == _UP:
                self.up.set()
            # Open until it has ended: by its closing a worker learns that nobody watches over it any more.
            code = await self._process.wait()
        self._forget(self._process.pid)
        return code

    def _forget(self, pid: int) -> None:
        """What a process was doing when it ended, it does no longer. What it has done stays counted."""
        for file in Path(self._environment[SHARED]).glob(f"gauge_live*_{pid}.db"):
            file.unlink()

    def _signal(self, number: signal.Signals) -> None:
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
    """Run so many workers until a signal says stop.

    Args:
        settings: What the workers will find in their environment, too.
        environment: Of the workers.
        arguments: What each of them runs.
        count: How many.
        up: Called once all take requests.

    Returns:
        The exit code: 0 unless one could not be started.

    Raises:
        SettingsError: The database is one that several processes cannot share.
    """
    if settings.sqlite_file is not None:
        raise SettingsError("more than one worker needs PostgreSQL: SQLite has one process that writes")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[int]] = []
    metrics = tempfile.TemporaryDirectory(prefix="stellary-metrics-")
    workers = [Worker({**environment, SHARED: metrics.name}, arguments) for _ in range(count)]
    try:
        # The first migrates, however long that takes, and says what is wrong if something is; the others need not.
        for some, patience in ((workers[:1], None), (workers[1:], STARTING_SECONDS)):
            tasks += [asyncio.create_task(worker.keep()) for worker in some]
            if not await _all_up(some, [*tasks, stopped], patience):
                break
        else:
            up()
        await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        return 0 if stop.is_set() else next(task.result() for task in tasks if task.done()) or 1
    finally:
        await _end(workers, tasks, settings.stop_delay + STOPPING_SECONDS)
        stopped.cancel()
        metrics.cleanup()


async def _all_up(workers: list[Worker], over: Sequence[asyncio.Future[Any]], patience: float | None) -> bool:
    """Wait until they are up; False if a task is over before, or the patience in seconds is."""

    async def wait() -> None:
        for worker in workers:
            await worker.up.wait()

    up = asyncio.create_task(wait())
    await asyncio.wait([up, *over], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        up.cancel()
        await asyncio.wait([up])
    return not up.cancelled()


async def _end(workers: list[Worker], tasks: list[asyncio.Task[int]], patience: float) -> None:
    for worker in workers:
        worker.stop()
    _, left = await asyncio.wait(tasks, timeout=patience)
    if left:
        for worker in workers:
            worker.kill()
        await asyncio.wait(left)


class Watched:
    """The other end, in the worker.

    Args:
        number: Of the socket, as ``VARIABLE`` has it.
    """

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        os.set_inheritable(number, False)
        # Ctrl-C reaches every process of a terminal: whoever has started this one decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def up(self) -> None:
        """Say that requests are taken; and stop once nobody watches any more."""
        self._socket.sendall(_UP)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._alone)

    def _alone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        os.kill(os.getpid(), signal.SIGTERM)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _say(sentence: str) -> None:
    sys.stderr.write(f"stellary: {sentence}\n")
    sys.stderr.flush()
