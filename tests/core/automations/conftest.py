"""Fixtures of the automation tests."""

import pytest

from tests.core.automations.automation_api import AutomationApi
from tests.support.world import World


@pytest.fixture
def automation_api(world: World) -> AutomationApi:
    """Return the API of a board whose owner creates rules."""
    return AutomationApi(world, world.person("ann"))
