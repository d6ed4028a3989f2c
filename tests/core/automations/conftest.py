"""What the tests of automations share."""

from __future__ import annotations

import pytest

from tests.core.automations.workshop import Workshop
from tests.support.world import World


@pytest.fixture
def workshop(world: World) -> Workshop:
    """A board whose owner makes rules."""
    return Workshop(world, world.person("ann"))
