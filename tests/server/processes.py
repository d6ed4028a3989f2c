"""Servers as separate processes, started as an operator starts them."""

import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.server.running import Reachable
from tests.support.core_parts import NO_LIMITS
from tests.support.forkserver import context
from tests.support.server_parts import Settings, bind_socket, main, run

ROOT = Path(__file__).parents[2]
QUICK = {"STELLARY_LIMITS": "off", "STELLARY_BCRYPT_ROUNDS": "4", "STELLARY_LOG": "off"}


def quiet_settings(database_url: str, directory: Path, **more: Any) -> Settings:
    """Return the settings of a server that hashes quickly, limits nothing and logs nothing."""
    quick = {"jwt_secret": "x" * 32, "bcrypt_rounds": 4, "limits": NO_LIMITS, "log": "off"}
    return Settings(database_url=database_url, data_dir=directory, **{**quick, **more})


class ForkedProgram:
    """A Python program in a process that is forked from one with all modules loaded.

    Loading them takes a new interpreter a second of processor time. The interface is that of ``subprocess.Popen``.

    Args:
        arguments: The arguments of the program.
        environment: All of its environment variables.
        directory: Its working directory.
        log: The file to which its standard error is appended.
        program: The program: by default, ``python -m reference_server``.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        program: Callable[[Sequence[str]], object] = main,
    ) -> None:
        ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=run_program, args=(program, arguments, environment, directory, log, theirs)
        )
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid
        self.stdout = os.fdopen(os.dup(ours.fileno()))
        ours.close()

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("reference_server", timeout or 0)
        return self._process.exitcode


def run_program(
    program: Callable[[Sequence[str]], object],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    output: Connection,
) -> None:
    """Run the program, with its streams, environment and working directory as a shell would set them."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    os.dup2(output.fileno(), 1)
    output.close()
    sys.exit(program(arguments))


def run_script(path: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a Python file as a program, forked from a process that has loaded the core.

    Returns:
        The exit code, the standard output, and the standard error.
    """
    with tempfile.NamedTemporaryFile() as log:
        script = ForkedProgram([str(path), *arguments], clean_environment(), ROOT, Path(log.name), run_main)
        with script.stdout:
            output = script.stdout.read()
        return script.wait(300), output, Path(log.name).read_text()


def run_main(arguments: Sequence[str]) -> None:
    """Run a Python file as ``python FILE ARGUMENTS`` does."""
    sys.argv = [*arguments]
    runpy.run_path(arguments[0], run_name="__main__")


class Process(Reachable):
    """One server.

    Args:
        arguments: The arguments of ``python -m reference_server``.
        environment: Further environment variables.
        directory: The working directory, which also gets the log.
        address_space: A limit of the virtual memory, in bytes.
        is_forked: Whether the program may run without an interpreter of its own. It then has loaded more modules than
            it needs, and uses more memory.

    Attributes:
        banner: The text that it prints when it accepts requests.
        log: The file of its standard error.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        address_space: int | None = None,
        is_forked: bool = True,
    ) -> None:
        self.log = directory / "log"
        limit = f'ulimit -v {(address_space or 0) >> 10} && exec "$@"'
        within = ["sh", "-c", limit, "sh"] if address_space else []
        variables = {**clean_environment(), **QUICK, **environment}
        self._process: ForkedProgram | subprocess.Popen[str]
        if is_forked and not address_space:
            self._process = ForkedProgram(arguments, variables, directory, self.log)
        else:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*within, sys.executable, "-m", "reference_server", *arguments],
                    cwd=directory,
                    env=variables,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        self.pid = self._process.pid
        self.banner = self._read_banner()
        self.port = int(re.search(r"http://\S+:(\d+)", self.banner)[1])

    def _read_banner(self) -> str:
        lines: list[str] = []
        # Do not wait for a process that never prints its banner.
        patience = threading.Timer(60, self._process.kill)
        patience.start()
        while line := self._process.stdout.readline():
            lines.append(line)
            if "projects.create" in line:
                patience.cancel()
                return "".join(lines)
        patience.cancel()
        code = self._process.wait()
        raise AssertionError(f"it ended with {code}: {self.log.read_text()}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        return self._process.wait(30)

    def end(self) -> int:
        """Stop it with SIGTERM, kill it if that fails, and return its exit code."""
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._process.stdout.close()


class Forked(Reachable):
    """A server or a worker in a process that is forked from one with all modules loaded.

    Args:
        target: The function to run: called with the settings, and with a connection on which it sends
            the port on which it listens once it is up.
        settings: The settings of the server or worker.
    """

    def __init__(self, target: Callable[[Settings, Connection], None], settings: Settings) -> None:
        ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=target, args=(settings, theirs))
        self._process.start()
        self.pid: int = self._process.pid
        theirs.close()
        assert ours.poll(30)
        self.port = ours.recv()
        ours.close()

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self._process.kill()
        self._process.join(20)
        assert self._process.exitcode == -signal.SIGKILL


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and send the port on ``up``."""
    with bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


@contextmanager
def run_process(
    directory: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    address_space: int | None = None,
    is_forked: bool = True,
) -> Iterator[Process]:
    """Run a server on a free port, with its data in a directory, until the end of the block."""
    process = Process(["--port", "0", *arguments], environment or {}, directory, address_space, is_forked)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def running_worker(database_url: str, directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a worker until the block ends, by SIGTERM."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "reference_server", "worker", "--database-url", database_url],
        cwd=directory,
        env={**clean_environment(), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with worker.stdout:
        assert worker.stdout.readline().startswith("Stellary runs background jobs.")
        yield
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0


def run_failing(
    directory: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Try to start a server that must fail, and return its exit code and standard error."""
    with tempfile.NamedTemporaryFile() as log:
        variables = {**clean_environment(), **(environment or {})}
        program = ForkedProgram(arguments, variables, directory, Path(log.name))
        with program.stdout:
            program.stdout.read()
        return program.wait(60), Path(log.name).read_text()


def clean_environment() -> dict[str, str]:
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("STELLARY_", "JWT_")) and name != "PORT"
    }
    return {**environment, "PYTHONPATH": str(ROOT)}


def memory_of(pid: int) -> int:
    """Return the resident memory of a process, in kilobytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def reset_peak_memory(pid: int) -> None:
    """Reset the peak that ``peak_memory_of`` returns."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory_of(pid: int) -> int:
    """Return the peak resident memory of a process, in kilobytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def children_of(pid: int) -> list[int]:
    """Return the ids of the child processes of a process."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
