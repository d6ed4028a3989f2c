"""What the journeys share."""

from __future__ import annotations

import pytest

from stellary import Stellary
from stellary.core import Core


@pytest.fixture
def client(core: Core) -> Stellary:
    """A client of somebody who has the workspace ``acme/eng``."""
    client = Stellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    client.organizations.create(name="Acme", slug="acme")
    client.organization("acme").workspaces.create(name="Engineering", slug="eng")
    return client
