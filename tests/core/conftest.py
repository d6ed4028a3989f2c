"""What the tests of the core share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from stellary.core import Core
from tests.support.world import World


@pytest.fixture
def world(core: Core) -> World:
    """A world in a fresh core, once on each kind of database."""
    return World(core)


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """A context that collects what is sent to any database: all but begin, commit and savepoints."""

    @contextmanager
    def listening() -> Iterator[list[str]]:
        sent: list[str] = []

        def hear(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                sent.append(sql)

        event.listen(Engine, "after_cursor_execute", hear)
        try:
            yield sent
        finally:
            event.remove(Engine, "after_cursor_execute", hear)

    return listening
