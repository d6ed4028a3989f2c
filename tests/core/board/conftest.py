"""Fixtures of the board tests."""

import pytest

from tests.core.board.card_api import CardApi
from tests.support.world import World


@pytest.fixture
def card_api(world: World) -> CardApi:
    """Return the API of a new project from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return CardApi(world, ann, workspace, project)


@pytest.fixture
def todo_column(card_api: CardApi) -> str:
    """Return the id of the first column."""
    return card_api.columns()[0]["id"]


@pytest.fixture
def done_column(card_api: CardApi) -> str:
    """Return the id of the last column."""
    return card_api.columns()[2]["id"]
