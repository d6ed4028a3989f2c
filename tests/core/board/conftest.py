"""Fixtures of the board tests."""

import pytest

from tests.core.board.card_api import CardApi


@pytest.fixture
def todo_column(api: CardApi) -> str:
    """Return the id of the first column."""
    return api.columns()[0]["id"]


@pytest.fixture
def done_column(api: CardApi) -> str:
    """Return the id of the last column."""
    return api.columns()[2]["id"]
