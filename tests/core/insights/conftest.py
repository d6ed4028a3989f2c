"""Fixtures of the insight tests."""

import pytest

from tests.core.board.card_api import CardApi
from tests.support.world import StoppedClock, World


@pytest.fixture
def clock(world: World) -> StoppedClock:
    """Stop the clock at noon of 1 April 2026."""
    return world.stop_clock()


@pytest.fixture
def api(clock: StoppedClock, api: CardApi) -> CardApi:
    """Return the API of a project that is created when the clock has stopped."""
    return api
