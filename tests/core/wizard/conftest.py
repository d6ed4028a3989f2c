"""Fixtures for the tests of the wizard."""

import pytest

from tests.core.wizard.draft_api import DraftApi
from tests.support.world import World


@pytest.fixture
def api(world: World) -> DraftApi:
    """Return the drafts of a workspace, as its owner."""
    return DraftApi(world, world.person("ann"))
