"""The fixtures of the journeys."""

from collections.abc import Iterator

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.support.colours import create_workspace


@pytest.fixture
def client(core: Core) -> Stellary:
    """Yield a client whose user has the workspace ``acme/eng``."""
    client = Stellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    create_workspace(client)
    return client


@pytest.fixture
def working(core: Core) -> Iterator[None]:
    """Run the jobs of the core."""
    core.work.start()
    yield
    assert core.work.stop(30)
