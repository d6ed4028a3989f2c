"""What the tests of knowledge share."""

from __future__ import annotations

import pytest

from tests.core.knowledge.shelf import Shelf
from tests.world import World


@pytest.fixture
def shelf(world: World) -> Shelf:
    """A workspace without documents."""
    return Shelf(world)
