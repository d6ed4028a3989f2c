"""What the tests of webhooks share."""

from __future__ import annotations

import pytest

from tests.core.webhooks.switchboard import Switchboard
from tests.support.world import World


@pytest.fixture
def switchboard(world: World) -> Switchboard:
    """A board whose owner has what happens told elsewhere."""
    return Switchboard(world, world.person("ann"))
