"""The stage of the permission tests: built once for each kind of database, and left as it was by every request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import RUN
from tests.databases import Postgres, Sqlite
from tests.security.sandbox import Sandbox
from tests.security.stage import Stage


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def built(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage on a database of each kind."""
    from stellary.core import Core

    kind = {"sqlite": Sqlite, "postgresql": Postgres}[request.param]
    with kind(request.config.stash[RUN]).database() as url:
        core = Core(url, bcrypt_rounds=4)
        core.close()
        core.database = sandbox = Sandbox(url)
        try:
            yield Stage(core, sandbox)
        finally:
            core.close()


@pytest.fixture
def stage(built: Stage) -> Iterator[Stage]:
    """The stage in a transaction that is thrown away after the test."""
    with built.sandbox.transaction():
        yield built
