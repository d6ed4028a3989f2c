"""What the tests of the core share."""

from __future__ import annotations

import pytest

from stellary.core import Core
from tests.world import World


@pytest.fixture
def world(core: Core) -> World:
    """A world in a fresh core, once on each kind of database."""
    return World(core)
