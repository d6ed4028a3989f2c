"""Fixtures of the insight tests."""

import pytest

from tests.core.board.card_api import CardApi
from tests.support.world import StoppedClock


@pytest.fixture
def api(clock: StoppedClock, api: CardApi) -> CardApi:
    """Return the API of a project that is created when the clock has stopped."""
    return api
