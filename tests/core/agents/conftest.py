"""Fixtures of the agent tests."""

import pytest

from tests.core.agents.agent_api import AgentApi
from tests.support.world import World


@pytest.fixture
def agent_api(world: World) -> AgentApi:
    """Return the API of a board whose owner has agents."""
    return AgentApi(world, world.person("ann"))
