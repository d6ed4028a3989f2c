"""A Redis server of a test, without a file."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.ports import listens
from tests.support.waiting import wait_until

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="Redis is not installed: python3 dev.py services installs it"
)


@contextmanager
def running_redis(port: int) -> Iterator[str]:
    """Run Redis at a port, and yield its URL."""
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"]
    with subprocess.Popen([PROGRAM, "--port", str(port), *options], stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: listens(port))
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
