"""What the tests of insights share."""

from __future__ import annotations

import pytest

from tests.core.board.card_api import CardApi
from tests.support.world import StoppedClock, World


@pytest.fixture
def clock(world: World) -> StoppedClock:
    """It is noon of 1 April 2026, until it is told to go on."""
    return world.stop_clock()


@pytest.fixture
def card_api(world: World, clock: StoppedClock) -> CardApi:
    """A project that somebody has just made from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return CardApi(world, ann, workspace, project)
