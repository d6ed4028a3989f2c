"""Fixtures of the insight tests."""

import pytest

from tests.core.board.card_api import CardApi
from tests.support.world import StoppedClock, World


@pytest.fixture
def clock(world: World) -> StoppedClock:
    """Stop the clock at noon of 1 April 2026."""
    return world.stop_clock()


@pytest.fixture
def card_api(world: World, clock: StoppedClock) -> CardApi:
    """Return the API of a new project from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return CardApi(world, ann, workspace, project)
