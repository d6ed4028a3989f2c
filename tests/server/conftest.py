"""What the tests of the server share."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from hypothesis import settings

from stellary.core import Core
from tests.server.mailbox import Box, free_port
from tests.server.running import Running, running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the half of a short fuzz: each operation is tried on one of both databases, in a long one on both."""
    if settings.get_current_profile_name() == "long":
        return
    left = [item for item in items if isinstance(item, pytest.Function) and _is_left(item)]
    config.hook.pytest_deselected(items=left)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]


def _is_left(item: pytest.Function) -> bool:
    if item.path.name != "test_fuzz.py" or "[" not in item.originalname:
        return False
    kind = ("sqlite", "postgresql")[zlib.crc32(item.originalname.encode()) % 2]
    return bool(item.callspec.params["target"] != kind)


@pytest.fixture
def server(core: Core) -> Iterator[Running]:
    """A server over a fresh core, once on each kind of database."""
    with running(core) as server:
        yield server


@pytest.fixture
def sqlite_core(sqlite_url: str) -> Iterator[Core]:
    """A core on SQLite, for what has nothing to do with the database."""
    core = Core(sqlite_url, bcrypt_rounds=4)
    try:
        yield core
    finally:
        core.close()


@pytest.fixture
def one_server(sqlite_core: Core) -> Iterator[Running]:
    """A server over SQLite alone."""
    with running(sqlite_core) as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[tuple[Box, int]]:
    """A mail server on this machine: its mailbox, and its port."""
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield box, controller.port
    controller.stop()
