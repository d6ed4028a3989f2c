"""The stage of the permission tests: built once for each kind of database, and left as it was by every request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import RUN
from tests.security.stage import Stage, staged
from tests.support.databases import Postgres, Sqlite


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def built(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage on a database of each kind."""
    kind = {"sqlite": Sqlite, "postgresql": Postgres}[request.param]
    with staged(kind, request.config.stash[RUN]) as made:
        yield made


@pytest.fixture
def stage(built: Stage) -> Iterator[Stage]:
    """The stage in a transaction that is thrown away after the test."""
    with built.sandbox.transaction():
        yield built
