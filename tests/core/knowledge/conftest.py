"""What the tests of knowledge share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stellary.core import Core
from tests.core.knowledge.shelf import Shelf
from tests.support.world import World


@pytest.fixture
def postgres_shelf(postgres_url: str) -> Iterator[Shelf]:
    """The same on PostgreSQL alone, where two who write are at work at once."""
    core = Core(postgres_url, bcrypt_rounds=4)
    yield Shelf(World(core))
    core.close()


@pytest.fixture
def shelf(world: World) -> Shelf:
    """A workspace without documents."""
    return Shelf(world)
