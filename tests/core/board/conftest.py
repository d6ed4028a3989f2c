"""Fixtures of the board tests."""

from __future__ import annotations

import pytest

from tests.core.board.desk import Desk
from tests.support.world import World


@pytest.fixture
def desk(world: World) -> Desk:
    """Return the API of a new project from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return Desk(world, ann, workspace, project)
