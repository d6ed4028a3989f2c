"""The fixtures of the server tests."""

from collections.abc import Iterator

import pytest
import time_machine

from stellary.core import Core
from tests.server.mailbox import Box, running_mailbox
from tests.server.running import Running, running


@pytest.fixture
def server(core: Core) -> Iterator[Running]:
    """Yield a server with a new core, on each kind of database."""
    with running(core) as server:
        yield server


@pytest.fixture
def sqlite_server(sqlite_core: Core) -> Iterator[Running]:
    """Yield a server on SQLite."""
    with running(sqlite_core) as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[tuple[Box, int]]:
    """Yield the mailbox and the port of a mail server on this machine."""
    box = Box()
    with running_mailbox(box) as port:
        yield box, port


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Yield a clock that stands still until it is shifted."""
    with time_machine.travel("2026-04-01T12:00:00Z", tick=False) as traveller:
        yield traveller
