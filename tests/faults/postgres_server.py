"""A PostgreSQL server of a single test, which can crash, and a proxy before it, which can be cut and frozen."""

import os
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

import psycopg

from tests.support import postgres

# What is acknowledged is in the log by then: only the machine's own power supply is trusted.
SETTINGS = {**postgres.SETTINGS, "synchronous_commit": "on"}
SOCKET = ".s.PGSQL.5432"
FROZEN_SECONDS = 0.5
Fate = Literal["pass", "lose request", "lose answer", "freeze"]
"""What becomes of a COMMIT: it may never reach the server, or its answer may never reach the client, or it is late."""


class PostgresServer:
    """A server with one database, ``faults``.

    Args:
        programs: The folder of PostgreSQL's programs.
        data: The folder of the data, which is created.
        settings: The settings of the server.
        primary: The server of which this one is a streaming replica. By default, it is none.
    """

    def __init__(
        self,
        programs: Path,
        data: Path,
        settings: Mapping[str, str] = SETTINGS,
        primary: "PostgresServer | None" = None,
    ) -> None:
        self._account = postgres.find_unprivileged_account()
        self._programs, self._settings = programs, settings
        self.data = data
        self._process: subprocess.Popen[bytes] | None = None
        if primary is not None:
            source = [
                *("-h", primary.data, "-U", postgres.SUPERUSER, "-D", data, "--checkpoint=fast", "-R"),
                "-N",
            ]
            options = postgres.process_options(self._account, data.parent)
            subprocess.run([programs / "pg_basebackup", *source], check=True, **options)
            (data / f"{SOCKET}.lock").unlink()
            self.start()
            return
        postgres.make_cluster(programs, data, self._account)
        self.start()
        with self.connect("postgres") as connection:
            connection.execute("CREATE DATABASE faults")

    @property
    def url(self) -> str:
        """The URL of the database, past the proxy."""
        return f"postgresql://{postgres.SUPERUSER}@/faults?host={self.data}"

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self._process = postgres.run_server(self._programs, self.data, self._account, self._settings)

    def crash(self) -> None:
        """Kill the server: nothing that is only in its memory is written."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    @contextmanager
    def freezing(self) -> Iterator[None]:
        """Let the server answer nothing, on open and on new connections."""
        with self.connect() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = 'faults' AND pid <> pg_backend_pid()"
            pids = [pid for (pid,) in connection.execute(query)]
        pids.append(int((self.data / "postmaster.pid").read_text().partition("\n")[0]))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def connect(self, database: str = "faults") -> psycopg.Connection:
        """Return a connection past the proxy."""
        return psycopg.connect(self.url.replace("/faults", f"/{database}"), autocommit=True)

    def is_ready(self) -> bool:
        """Return whether the server accepts connections."""
        with suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def terminate_backends(self) -> int:
        """Terminate all connections on the server, and return their number."""
        with self.connect() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'faults' AND pid <> pg_backend_pid()"
            )
            return len(ended.fetchall())


class Proxy:
    """A proxy that forwards connections to a server.

    Attributes:
        fate: Decides what becomes of a COMMIT.
        cut: How many connections were cut.
    """

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.fate: Callable[[], Fate] = lambda: "pass"
        self.cut = 0
        port = self._listening.getsockname()[1]
        self.url = f"postgresql+psycopg://{postgres.SUPERUSER}@127.0.0.1:{port}/faults?sslmode=disable&gssencmode=disable"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and cut the open ones."""
        self._listening.close()
        self.cut_some(1.0)

    def cut_some(self, share: float) -> None:
        """Reset a share of the connections, on both sides."""
        with self._lock:
            pairs = [pair for pair in self._pairs if random.random() < share]
        for pair in pairs:
            self._reset(pair)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._upstream))
                except OSError:
                    # The server is down.
                    client.close()
                    server.close()
                    continue
                pair = (client, server)
                with self._lock:
                    self._pairs.add(pair)
                answers = threading.Event()
                threading.Thread(target=self._requests, args=(pair, answers), daemon=True).start()
                threading.Thread(target=self._answers, args=(pair, answers), daemon=True).start()

    def _requests(self, pair: tuple[socket.socket, socket.socket], swallow: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := client.recv(65536):
                fate = self.fate() if b"COMMIT" in data else "pass"
                if fate == "lose request":
                    break
                if fate == "lose answer":
                    swallow.set()
                    server.sendall(data)
                    # Long enough for the server to have committed.
                    time.sleep(0.05)
                    break
                if fate == "freeze":
                    time.sleep(FROZEN_SECONDS)
                server.sendall(data)
        self._reset(pair)

    def _answers(self, pair: tuple[socket.socket, socket.socket], swallow: threading.Event) -> None:
        client, server = pair
        with suppress(OSError):
            while data := server.recv(65536):
                if not swallow.is_set():
                    client.sendall(data)
        self._reset(pair)

    def _reset(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
            self.cut += 1
        for end in pair:
            with suppress(OSError):
                # Not an orderly end: a reset, as of a machine that is gone.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def prepare_programs(stack: ExitStack) -> tuple[Path, Path]:
    """Return the folder of PostgreSQL's programs, and an empty folder for data, until the end of a block."""
    folders = []
    account = postgres.find_unprivileged_account()
    for name in ("data", "programs"):
        folder = tempfile.TemporaryDirectory(prefix=f"stellary-{name}-", ignore_cleanup_errors=True)
        folders.append(Path(stack.enter_context(folder)))
        # Another account may have to run PostgreSQL in there.
        folders[-1].chmod(0o755 if account is None else 0o777)
    programs = postgres.copy_installation(folders[1]) if account else postgres.find_installation()
    return programs / "bin", folders[0]


@contextmanager
def running_replicas(count: int) -> Iterator[list[PostgresServer]]:
    """Run a primary and streaming replicas of it until the block ends."""
    with ExitStack() as stack:
        programs, folder = prepare_programs(stack)
        replicating = {"wal_level": "replica", "max_wal_senders": "10", "hot_standby_feedback": "on"}
        settings = {**SETTINGS, **replicating, "shared_preload_libraries": "pg_stat_statements"}
        servers: list[PostgresServer] = []
        for number in range(count + 1):
            server = PostgresServer(
                programs, folder / f"data{number}", settings, servers[0] if servers else None
            )
            stack.callback(server.crash)
            servers.append(server)
        yield servers


@contextmanager
def running_server() -> Iterator[tuple[PostgresServer, Proxy]]:
    """Run a server and a proxy before it until the block ends."""
    with ExitStack() as stack:
        programs, folder = prepare_programs(stack)
        server = PostgresServer(programs, folder / "data")
        stack.callback(server.crash)
        proxy = Proxy(server.data / SOCKET)
        stack.callback(proxy.close)
        yield server, proxy
