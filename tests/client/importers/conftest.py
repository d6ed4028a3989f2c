"""Fixtures of the importer tests."""

from collections.abc import Iterator

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.support.colours import create_workspace


@pytest.fixture(scope="module")
def client() -> Iterator[Stellary]:
    """Return a client of Jane, who owns the workspace ``acme/eng``."""
    core = Core("sqlite://", bcrypt_rounds=4)
    core.migrate()
    client = Stellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    create_workspace(client)
    yield client
    core.close()


@pytest.fixture
def ws(client):
    """Return the workspace."""
    return client.workspace("acme", "eng")
