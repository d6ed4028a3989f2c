"""The fixtures of the core tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from stellary.core import Core
from tests.conftest import RUN
from tests.support.databases import KINDS
from tests.support.world import World


@pytest.fixture
def world(core: Core) -> World:
    """Return a world in a new core, on each kind of database."""
    return World(core)


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
def other_url(request, kind):
    """Yield the URL of a second empty database, of the same kind."""
    with KINDS[kind](request.config.stash[RUN]).empty_database() as url:
        yield url


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """Return a context that collects the statements sent to any database, without begin, commit and savepoints."""

    @contextmanager
    def listening() -> Iterator[list[str]]:
        statements_sent: list[str] = []

        def hear(connection: Any, cursor: Any, sql: str, *remaining: Any) -> None:
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                statements_sent.append(sql)

        event.listen(Engine, "after_cursor_execute", hear)
        try:
            yield statements_sent
        finally:
            event.remove(Engine, "after_cursor_execute", hear)

    return listening
