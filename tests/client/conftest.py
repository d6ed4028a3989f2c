"""The fixtures of the client tests."""

import pytest

from stellary.client.testing import RecordingPort
from tests.client.misbehaving import misbehaving
from tests.support.colours import COLOURS


@pytest.fixture(params=COLOURS)
def colour(request):
    """Return the class of each client."""
    return request.param


@pytest.fixture
def server():
    """Yield a server that follows a script."""
    with misbehaving() as server:
        yield server


@pytest.fixture
def port() -> RecordingPort:
    """Return a port that records requests."""
    return RecordingPort()
