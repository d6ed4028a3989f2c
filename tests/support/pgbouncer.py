"""A PgBouncer before the PostgreSQL of a test run, in transaction mode, where it is installed."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, make_url

from tests.support.ports import free_port, listens
from tests.support.postgres import find_unprivileged_account
from tests.support.waiting import wait_until

# Debian keeps it where only administrators look.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
_SETTINGS = """\
[databases]
* = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_prepared_statements = {prepared}
logfile = {folder}/log
"""


@contextlib.contextmanager
def run_pgbouncer(url: str, folder: Path, prepared: int = 200) -> Iterator[str]:
    """Run a PgBouncer and yield the URL that leads through it.

    Args:
        url: URL of the database behind it.
        folder: Folder of its configuration and its log.
        prepared: Its ``max_prepared_statements``; 0 refuses them.
    """
    assert PROGRAM is not None
    port = free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _SETTINGS.format(target=_server_settings(make_url(url)), port=port, prepared=prepared, folder=folder)
    )
    account = find_unprivileged_account()
    # It refuses to be root, and finds its files below a directory that only root may enter.
    identity = (
        {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    )
    if account is not None:
        shutil.chown(folder, account.pw_uid, account.pw_gid)
        for parent in (folder, *folder.parents):
            if parent.owner() == "root" and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    with subprocess.Popen([PROGRAM, "-q", configuration], **identity) as process:
        try:
            wait_until(lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, "PgBouncer has ended"
            yield _pooled_url(make_url(url), port)
        finally:
            process.kill()


def _server_settings(url: URL) -> str:
    """Return the server in the words of the configuration."""
    host, port = url.query.get("host") or url.host, url.query.get("port") or url.port
    parts = {"host": host, "port": port, "user": url.username, "password": url.password}
    return " ".join(f"{name}={value}" for name, value in parts.items() if value)


def _pooled_url(url: URL, port: int) -> str:
    user = f"{url.username or 'postgres'}@"
    return f"postgresql://{user}127.0.0.1:{port}/{url.database}"
