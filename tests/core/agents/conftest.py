"""What the tests of agents share."""

from __future__ import annotations

import pytest

from tests.core.agents.agent_api import AgentApi
from tests.support.world import World


@pytest.fixture
def agent_api(world: World) -> AgentApi:
    """A board whose owner has agents."""
    return AgentApi(world, world.person("ann"))
