"""Fixtures of the pilotage tests: a database of each kind per module, and a workspace per test."""

from collections.abc import Iterator
from itertools import count

import pytest

from stellary.core import Core
from tests.conftest import RUN
from tests.core.pilotage.pilotage_api import PilotageApi
from tests.support.databases import Postgres, Sqlite
from tests.support.world import World

_numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Yield a world in a core that all tests of a module share."""
    kind = {"sqlite": Sqlite, "postgresql": Postgres}[request.param]
    with kind(request.config.stash[RUN]).database() as url:
        core = Core(url, bcrypt_rounds=4)
        try:
            yield World(core)
        finally:
            core.close()


@pytest.fixture
def api(world: World) -> Iterator[PilotageApi]:
    """Yield the API of a new workspace, beside those of other tests."""
    clock = world.core.env.clock
    yield PilotageApi(world, world.person(f"ann{next(_numbers)}"))
    world.core.env.clock = clock
