"""The fixtures of the tests that run over each shell for hosts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from stellary.core import Core
from tests.server.running import Reachable
from tests.support.boards import Board
from tests.support.shells import SHELLS
from tests.support.world import World

Serve = Callable[..., AbstractContextManager[Reachable]]


@pytest.fixture(params=["asgi", "wsgi"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Return the function that serves a core for hosts."""
    return SHELLS[request.param]


@pytest.fixture(params=SHELLS)
def serve_anywhere(request: pytest.FixtureRequest) -> Serve:
    """Return the function that serves a core, for hosts or as the reference server does."""
    return SHELLS[request.param]


@pytest.fixture
def server(serve_anywhere: Serve, core: Core) -> Iterator[Reachable]:
    """Yield a server with a new core, for each shell and each kind of database."""
    with serve_anywhere(core) as server:
        yield server


@pytest.fixture
def world(core: Core) -> World:
    return World(core)


@pytest.fixture
def board(world: World) -> Board:
    return Board(world, world.person())
