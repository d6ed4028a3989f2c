"""Fixtures of the automation tests."""

import pytest

from tests.core.automations.automation_api import AutomationApi
from tests.support.world import World


@pytest.fixture
def board(world: World) -> AutomationApi:
    """Return a board whose owner creates rules."""
    return AutomationApi(world, world.person("ann"))
