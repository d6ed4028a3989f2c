"""Three PostgreSQL servers under Patroni, with etcd, on this machine: the files of the guide, on free ports."""

import os
import random
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

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "two_machines" / "patroni.yml"
HAS_PROGRAMS = all(shutil.which(name) for name in ("patroni", "etcd"))
NODES = 3
PATIENCE = 300.0
DATABASE = "stellary"


class Node:
    """One machine: Patroni, and the PostgreSQL server that it keeps.

    Attributes:
        port: The port of PostgreSQL.
        api: The port of Patroni.
    """

    def __init__(self, folder: Path, name: str, programs: Path, etcd: str) -> None:
        self.port, self.api = find_port(), find_port()
        self._account = postgres.find_unprivileged_account()
        self.data = folder / name / "data"
        self._settings = folder / name / "patroni.yml"
        self.data.parent.mkdir()
        if self._account:
            os.chown(self.data.parent, self._account.pw_uid, self._account.pw_gid)
        text = EXAMPLE.read_text()
        for before, after in {
            "machine-1": name,
            "10.0.0.1:8008": f"127.0.0.1:{self.api}",
            "10.0.0.1:5432": f"127.0.0.1:{self.port}",
            "10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379": etcd,
            "/usr/lib/postgresql/17/bin": str(programs),
            "/var/lib/postgresql/17/stellary": str(self.data),
            "10.0.0.0/24": "127.0.0.1/32",
            "/run/postgresql": str(self.data.parent),
        }.items():
            assert before in text, before
            text = text.replace(before, after)
        self._settings.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        # Patroni of the system needs the Python of the system.
        environment = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.data.parent)}
        log = (self.data.parent / "log").open("ab")
        self._process = subprocess.Popen(
            [str(shutil.which("patroni")), self._settings],
            stdout=log,
            stderr=log,
            env=environment,
            **postgres.process_options(self._account, self.data.parent),
        )
        log.close()

    def crash(self) -> None:
        """End PostgreSQL alone: Patroni makes another machine the primary, and starts this one as its replica."""
        for pid in postgres.postmaster_lines(self.data)[:1]:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGQUIT)

    def kill(self) -> None:
        """End both at once, as when the machine loses its power. ``start`` brings them back."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.crash()

    def read_status(self, of: str = "patroni") -> dict[str, Any]:
        """Return what Patroni says of the node, or of the ``cluster``; empty if it does not answer."""
        with (
            suppress(OSError, ValueError),
            urlopen(f"http://127.0.0.1:{self.api}/{of}", timeout=1) as reply,
        ):
            status: dict[str, Any] = orjson.loads(reply.read())
            return status
        return {}


class Cluster:
    """The machines.

    Attributes:
        url: The URL of the database, which names all of them.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        self.url = f"postgresql://postgres:secret@{hosts}/{DATABASE}?target_session_attrs=read-write"

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
        client, peer = (f"http://127.0.0.1:{find_port()}" for _ in range(2))
        arguments = {
            "data-dir": folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
        }
        etcd = subprocess.Popen(
            ["etcd", "--unsafe-no-fsync", *(f"--{name}={value}" for name, value in arguments.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(etcd.wait)
        stack.callback(etcd.kill)
        nodes: list[Node] = []
        for number in range(NODES):
            nodes.append(Node(folder, f"node{number}", installation / "bin", client.removeprefix("http://")))
            stack.callback(nodes[-1].kill)
        for node in nodes:
            node.start()
        cluster = Cluster(nodes)
        primary = cluster.find_primary()
        with psycopg.connect(
            f"postgresql://postgres:secret@127.0.0.1:{primary.port}/postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        cluster.wait_for_standby()
        yield cluster


def find_port() -> int:
    """Return a free port below those that the system gives to clients."""
    while True:
        port = random.randrange(20_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
