"""What the tests of the wizard share."""

from __future__ import annotations

import pytest

from tests.core.wizard.studio import Studio
from tests.support.world import World


@pytest.fixture
def studio(world: World) -> Studio:
    """A workspace whose owner makes drafts."""
    return Studio(world, world.person("ann"))
