"""Three PostgreSQL servers under Patroni, with etcd, on this machine: the files of the guide, on free ports."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import psycopg

from tests.support import postgres

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "two_machines"
HAS_PROGRAMS = all(shutil.which(name) for name in ("patroni", "etcd"))
NODES = 3
PATIENCE = 300.0
DATABASE = "stellary"


class Node:
    """One machine: etcd, the witness, Patroni, and the PostgreSQL server that it keeps.

    Attributes:
        addresses: The hosts and ports in place of those of the guide.
        data: The folder of PostgreSQL.
    """

    def __init__(self, folder: Path, number: int, programs: Path, addresses: dict[str, str]) -> None:
        self.addresses, self._number = addresses, number
        self._account = postgres.find_unprivileged_account()
        self.data = folder / f"machine-{number}" / "data"
        self._settings = self.data.parent / "patroni.yml"
        self.data.parent.mkdir()
        if self._account:
            os.chown(self.data.parent, self._account.pw_uid, self._account.pw_gid)
        text = self._read_example("patroni.yml")
        for before, after in {
            "/usr/lib/postgresql/17/bin": str(programs),
            "/var/lib/postgresql/17/stellary": str(self.data),
            "10.0.0.0/24": "127.0.0.0/8",
            "/run/postgresql": str(self.data.parent),
        }.items():
            assert before in text, before
            text = text.replace(before, after)
        self._settings.write_text(text)
        # Patroni of the system needs the Python of the system.
        self._environment = read_settings(self._read_example("etcd.env")) | {
            "PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.data.parent),
            "ETCD_DATA_DIR": str(self.data.parent / "etcd"),
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def find_address(self, port: int) -> str:
        """Return the host and port on which the machine listens, by the port of the guide."""
        return self.addresses[f"10.0.0.{self._number}:{port}"]

    def _read_example(self, name: str) -> str:
        """Return a file of the guide, which is that of the first machine, with the name and the addresses of this one."""
        # A line with the address of another machine lists all of them.
        text = re.sub(
            r"^(?!.*10\.0\.0\.2).*(?:machine-|10\.0\.0\.)1",
            lambda match: f"{match[0][:-1]}{self._number}",
            (EXAMPLES / name).read_text(),
            flags=re.MULTILINE,
        )
        return re.sub(r"10\.0\.0\.\d:\d+", lambda match: self.addresses[match[0]], text)

    def start(self) -> None:
        """Start etcd, the witness, and Patroni, which starts PostgreSQL."""
        folder = self.data.parent
        with (folder / "log").open("ab") as log:
            self._processes = [
                subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    **postgres.process_options(self._account, folder),
                )
                for command in (
                    ["etcd", "--unsafe-no-fsync", "--log-level=error"],
                    ["python3", str(EXAMPLES / "witness.py")],
                    ["patroni", str(self._settings)],
                )
            ]

    def crash(self) -> None:
        """End PostgreSQL alone: Patroni makes another machine the primary, and starts this one as its replica."""
        for pid in postgres.postmaster_lines(self.data)[:1]:
            for number in (signal.SIGQUIT, signal.SIGCONT):  # One that is frozen would not end.
                with suppress(ProcessLookupError):
                    os.kill(int(pid), number)

    def kill(self) -> None:
        """End everything at once, as when the machine loses its power."""
        ended = [process.args for process in self._processes if process.poll() is not None]
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._processes = []
        self.crash()
        assert ended == []

    def freeze(self, sessions: bool = True) -> None:
        """Stop everything where it is: nothing answers, and nothing is closed.

        Args:
            sessions: Without them, PostgreSQL goes on for clients that are connected already.
        """
        self._signal(signal.SIGSTOP, sessions)

    def restore(self) -> None:
        """Bring a machine back that was killed, or let one go on that was frozen."""
        if self._processes:
            self._signal(signal.SIGCONT)
        else:
            self.start()

    def _signal(self, number: signal.Signals, sessions: bool = True) -> None:
        pids = [process.pid for process in self._processes]
        for postmaster in postgres.postmaster_lines(self.data)[:1]:
            with suppress(OSError):
                os.kill(int(postmaster), number)  # Once stopped, it starts no other process.
                children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
                pids.extend(map(int, children.split() if sessions else ()))
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Connect to this PostgreSQL server, whatever its role is."""
        url = f"postgresql://postgres:secret@{self.find_address(5432)}/{database}"
        return psycopg.connect(url, autocommit=True)

    def read_status(self, of: str = "patroni") -> dict[str, Any]:
        """Return what Patroni says of the node, or of the ``cluster``; empty if it does not answer."""
        with (
            suppress(OSError, ValueError),
            urlopen(f"http://{self.find_address(8008)}/{of}", timeout=1) as reply,
        ):
            return orjson.loads(reply.read())
        return {}


class Cluster:
    """The machines.

    Attributes:
        url: The URL of the database, which names all of them.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        hosts = ",".join(node.find_address(5432) for node in nodes)
        url = read_settings((EXAMPLES / "stellary.env").read_text())["STELLARY_DATABASE_URL"]
        self.url = url.replace("10.0.0.1,10.0.0.2", hosts)

    def find_primary(self, other_than: Node | None = None) -> Node:
        """Wait for a primary, and return it.

        Args:
            other_than: The node that was the primary before.
        """
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            for node in self.nodes:
                status = {} if node is other_than else node.read_status()
                if status.get("role") in ("primary", "master") and status.get("state") == "running":
                    return node
            time.sleep(0.1)
        raise AssertionError("there is no primary")

    def wait_for_standby(self) -> None:
        """Wait until another machine has each commit of the primary, which may then be lost.

        The third one may still be on its way back.
        """
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            members = self.find_primary().read_status("cluster").get("members", [])
            if any((member["role"], member["state"]) == ("sync_standby", "streaming") for member in members):
                return
            time.sleep(0.1)
        raise AssertionError("no replica follows")


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run etcd and three machines until the block ends."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="stellary-patroni-", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        account = postgres.find_unprivileged_account()
        programs = folder / "programs"
        programs.mkdir()
        installation = postgres.copy_installation(programs) if account else postgres.find_installation()
        addresses = {
            f"10.0.0.{number}:{port}": f"127.0.0.1{number}:{find_port()}"
            for number in range(1, NODES + 1)
            for port in (2379, 2380, 5432, 8008)
        }
        nodes: list[Node] = []
        for number in range(1, NODES + 1):
            nodes.append(Node(folder, number, installation / "bin", addresses))
            stack.callback(nodes[-1].kill)
        for node in nodes:
            node.start()
        cluster = Cluster(nodes)
        primary = cluster.find_primary()
        with primary.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        cluster.wait_for_standby()
        yield cluster


def read_settings(text: str) -> dict[str, str]:
    """Return the variables of a file that systemd reads."""
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))


def find_port() -> int:
    """Return a free port below those that the system gives to clients."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
