"""What the tests of automations share."""

from __future__ import annotations

import pytest

from tests.core.automations.automation_api import AutomationApi
from tests.support.world import World


@pytest.fixture
def automation_api(world: World) -> AutomationApi:
    """A board whose owner makes rules."""
    return AutomationApi(world, world.person("ann"))
