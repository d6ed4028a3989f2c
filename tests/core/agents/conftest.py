"""What the tests of agents share."""

from __future__ import annotations

import pytest

from tests.core.agents.office import Office
from tests.support.world import World


@pytest.fixture
def office(world: World) -> Office:
    """A board whose owner has agents."""
    return Office(world, world.person("ann"))
