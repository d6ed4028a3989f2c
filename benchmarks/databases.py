"""Databases that keep what they have acknowledged: SQLite on the disk, PostgreSQL with fsync, one server for all."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psycopg

from tests import postgres

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
START_SECONDS = 60

# The server's own defaults otherwise, durability among them.
_SETTINGS = {"max_connections": "100", "shared_buffers": "256MB", "listen_addresses": ""}


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A directory on the disk, removed afterwards, in which another account may make its own."""
    with tempfile.TemporaryDirectory(prefix="stellary-bench-") as made:
        place = Path(made)
        place.chmod(0o755)
        yield place


@contextlib.contextmanager
def postgresql(place: Path) -> Iterator[Path]:
    """A PostgreSQL server in a directory, until the block ends: the directory of its socket."""
    account = postgres.unprivileged()
    data = place / "postgresql"
    data.mkdir(mode=0o700)
    identity: dict[str, Any] = {"cwd": data}
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
        identity |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    (programs_place := place / "programs").mkdir()
    programs = (postgres.copied(programs_place) if account else postgres.installed()) / "bin"
    with (place / "postgresql.log").open("wb") as log:
        output: dict[str, Any] = {"stdout": log, "stderr": log, **identity}
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", f"--username={postgres.SUPERUSER}"]
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
            shutil.rmtree(programs_place)


def create_database(socket: Path, name: str) -> None:
    """Make an empty database on the server whose socket is in that directory."""
    url = f"postgresql://{postgres.SUPERUSER}@/{postgres.SUPERUSER}?host={socket}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')


def url_of(socket: Path, name: str, driver: str = "postgresql") -> str:
    """The URL of a database there."""
    return f"{driver}://{postgres.SUPERUSER}@/{name}?host={socket}"
