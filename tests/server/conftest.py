"""The fixtures of the server tests."""

from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from stellary.core import Core
from tests.server.mailbox import Box, free_port
from tests.server.running import Running, running


@pytest.fixture
def server(core: Core) -> Iterator[Running]:
    """Yield a server with a new core, on each kind of database."""
    with running(core) as server:
        yield server


@pytest.fixture
def sqlite_core(sqlite_url: str) -> Iterator[Core]:
    """Yield a core on SQLite, for tests that do not depend on the database."""
    core = Core(sqlite_url, bcrypt_rounds=4)
    try:
        yield core
    finally:
        core.close()


@pytest.fixture
def sqlite_server(sqlite_core: Core) -> Iterator[Running]:
    """Yield a server on SQLite."""
    with running(sqlite_core) as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[tuple[Box, int]]:
    """Yield the mailbox and the port of a mail server on this machine."""
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, controller.port
    controller.stop()
