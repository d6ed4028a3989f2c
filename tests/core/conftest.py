"""The fixtures of the core tests."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from stellary.core import Core
from tests.conftest import RUN
from tests.core.agents.agent_api import AgentApi
from tests.core.board.card_api import CardApi
from tests.support.databases import KINDS
from tests.support.migrations import NextVersion
from tests.support.statements import record_statements
from tests.support.world import Person, StoppedClock, World


@pytest.fixture
def world(core: Core) -> World:
    """Return a world in a new core, on each kind of database."""
    return World(core)


@pytest.fixture
def postgres_core(postgres_url: str) -> Iterator[Core]:
    """Yield a core on PostgreSQL alone, where two writers run concurrently."""
    with closing(Core(postgres_url, bcrypt_rounds=4)) as core:
        yield core


@pytest.fixture
def postgres_world(postgres_core: Core) -> World:
    """Return a world in this core."""
    return World(postgres_core)


@pytest.fixture
def clock(core: Core) -> StoppedClock:
    """Return the clock of the core, which stands still."""
    core.env.clock = clock = StoppedClock()
    return clock


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    """Yield a function that creates engines as a host does; they are disposed of at the end."""
    with ExitStack() as stack:

        def make_engine(url: str, **options: Any) -> Engine:
            engine = create_engine(url, **options)
            stack.callback(engine.dispose)
            return engine

        yield make_engine


@pytest.fixture
def host(database_url: str, make_engine: Callable[..., Engine]) -> Engine:
    """Return the engine of a host, on each kind of database."""
    return make_engine(database_url)


@pytest.fixture
def ann(world: World) -> Person:
    """Return a user."""
    return world.person("ann")


@pytest.fixture
def bob(world: World) -> Person:
    """Return another user."""
    return world.person("bob")


@pytest.fixture
def board(world: World, ann: Person) -> AgentApi:
    """Return a board of ann's, who may have agents."""
    return AgentApi(world, ann)


@pytest.fixture
def api(world: World) -> CardApi:
    """Return the API of a new project from the template ``simple``."""
    ann = world.person("ann")
    workspace = world.workspace(ann)
    project = world.ask(ann, "POST", f"{workspace.path}/projects", {"name": "Q1 Launch"})
    return CardApi(world, ann, workspace, project)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request):
    """Return the kind of the databases, once each."""
    return request.param


@pytest.fixture
def empty_url(request, kind):
    """Yield the URL of an empty database."""
    with KINDS[kind](request.config.stash[RUN]).empty_database() as url:
        yield url


@pytest.fixture
def new_url(request, kind):
    """Yield the URL of a new database of the same kind, with the tables in the code."""
    with KINDS[kind](request.config.stash[RUN]).database() as url:
        yield url


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """Return a package that has one migration more."""
    return NextVersion(tmp_path / "migrations", monkeypatch)


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """Return a context that collects the statements sent to any database."""
    return record_statements
