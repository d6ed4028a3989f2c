"""A workspace with three people, in process."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.client.project_setup.declarations import PEOPLE
from tests.conftest import RUN
from tests.support.colours import create_workspace
from tests.support.databases import Sqlite


def workspace(core: Core) -> Any:
    """Return the handle of a new workspace that all of them belong to."""
    clients = [Stellary.embedded(core.port(core.user(external_id=email, email=email))) for email in PEOPLE]
    ws = create_workspace(clients[0])
    for email, client in zip(PEOPLE[1:], clients[1:], strict=True):
        client.invitations.accept(ws.members.invite(email=email).token)
    return ws


@pytest.fixture
def ws(core: Core) -> Any:
    """The handle of a workspace, on both databases."""
    return workspace(core)


@pytest.fixture(scope="module")
def any_ws(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The handle of a workspace on SQLite, shared by many examples."""
    with Sqlite(request.config.stash[RUN]).database() as url, closing(Core(url, bcrypt_rounds=4)) as core:
        yield workspace(core)


@pytest.fixture
def postgres_ws(postgres_url: str) -> Iterator[Any]:
    """The handle of a workspace on PostgreSQL."""
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core:
        yield workspace(core)
