"""Durable databases: SQLite on the disk, and PostgreSQL with fsync, on one server for all."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import attrs
import psycopg

from tests.support import postgres

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
START_SECONDS = 60

# The server's own defaults otherwise, durability among them.
_SETTINGS = {"max_connections": "100", "shared_buffers": "256MB", "listen_addresses": ""}


@attrs.frozen
class Database:
    """A database that the benchmarks have created.

    Attributes:
        name: Its name on its server, or that of the file.
        url: The URL for the core.
        plain: The path of the file, or the URL for a driver.
    """

    kind: Kind
    name: str
    url: str
    plain: str


class Databases:
    """A source of databases: files in a directory, and one PostgreSQL server, started on first use.

    Attributes:
        directory: A directory on the disk, for other files too.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        temporary = tempfile.TemporaryDirectory(prefix="stellary-bench-")
        self.directory = Path(self._stack.enter_context(temporary))
        # Another account may have to run PostgreSQL in there.
        self.directory.chmod(0o755)
        self._numbers = itertools.count(1)
        self._socket: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def new(self, kind: Kind) -> Database:
        """Create an empty database."""
        name = f"bench_{next(self._numbers)}"
        if kind == "sqlite":
            file = self.directory / f"{name}.db"
            return Database(kind, name, f"sqlite:///{file}", str(file))
        if self._socket is None:
            self._socket = self._stack.enter_context(_postgresql(self.directory))
        with psycopg.connect(_url(self._socket, postgres.SUPERUSER), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return Database(
            kind, name, _url(self._socket, name, "postgresql+psycopg"), _url(self._socket, name, "postgresql")
        )

    def copy(self, database: Database) -> Database:
        """Copy a database that no connection uses."""
        copy = self.new(database.kind)
        if database.kind == "sqlite":
            shutil.copyfile(database.plain, copy.plain)
            return copy
        assert self._socket is not None
        with psycopg.connect(_url(self._socket, postgres.SUPERUSER), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{copy.name}"')
            connection.execute(f'CREATE DATABASE "{copy.name}" TEMPLATE "{database.name}"')
        return copy


@contextlib.contextmanager
def _postgresql(directory: Path) -> Iterator[Path]:
    """Run a PostgreSQL server in a directory until the block ends, and yield the directory of its socket."""
    account = postgres.find_unprivileged_account()
    data = directory / "postgresql"
    data.mkdir(mode=0o700)
    identity: dict[str, Any] = {"cwd": data}
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
        identity |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    (programs_copy := directory / "programs").mkdir()
    programs = (
        postgres.copy_installation(programs_copy) if account else postgres.find_installation()
    ) / "bin"
    with (directory / "postgresql.log").open("wb") as log:
        output: dict[str, Any] = {"stdout": log, "stderr": log, **identity}
        options = [
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=trust",
            "--no-sync",
            f"--username={postgres.SUPERUSER}",
        ]
        subprocess.run([str(programs / "initdb"), "-D", str(data), *options], check=True, **output)
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen([programs / "postgres", "-D", data, "-k", data, *settings], **output)
        try:
            deadline = time.monotonic() + START_SECONDS
            while "ready" not in postgres.postmaster_state(data):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("PostgreSQL did not start")
                time.sleep(0.02)
            yield data
        finally:
            # SIGQUIT is the immediate shutdown: there is nothing to be saved.
            server.send_signal(signal.SIGQUIT)
            server.wait()
            shutil.rmtree(programs_copy)


def _url(socket: Path, name: str, driver: str = "postgresql") -> str:
    return f"{driver}://{postgres.SUPERUSER}@/{name}?host={socket}"
