"""The world of the permission tests: built once for each kind of database, and left unchanged by every test."""

from collections.abc import Iterator

import pytest

from tests.conftest import RUN
from tests.security.permission_world import PermissionWorld, open_permission_world
from tests.support.databases import KINDS


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shared_permission_world(request: pytest.FixtureRequest) -> Iterator[PermissionWorld]:
    """Yield a permission world on a database of each kind."""
    with open_permission_world(KINDS[request.param], request.config.stash[RUN]) as opened_world:
        yield opened_world


@pytest.fixture
def permission_world(shared_permission_world: PermissionWorld) -> Iterator[PermissionWorld]:
    """Yield the permission world in a transaction that is rolled back after the test."""
    with shared_permission_world.sandbox.transaction():
        yield shared_permission_world
