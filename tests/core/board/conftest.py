"""What the tests of the board share."""

from __future__ import annotations

import pytest

from tests.core.board.desk import Desk
from tests.support.world import World


@pytest.fixture
def desk(world: World) -> Desk:
    """A project that somebody has just made from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return Desk(world, ann, workspace, project)
