"""The world of the permission tests: built once per kind of database, and unchanged after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import RUN
from tests.security.permission_world import PermissionWorld, open_permission_world
from tests.support.databases import Postgres, Sqlite


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shared_permission_world(request: pytest.FixtureRequest) -> Iterator[PermissionWorld]:
    """Build the permission world on a database of each kind."""
    kind = {"sqlite": Sqlite, "postgresql": Postgres}[request.param]
    with open_permission_world(kind, request.config.stash[RUN]) as made:
        yield made


@pytest.fixture
def permission_world(shared_permission_world: PermissionWorld) -> Iterator[PermissionWorld]:
    """Return the permission world in a transaction that is rolled back after the test."""
    with shared_permission_world.sandbox.transaction():
        yield shared_permission_world
