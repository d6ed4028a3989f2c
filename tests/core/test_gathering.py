"""Units of one thread that are committed together: each is undone by itself, and all are kept or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.kernel.unit import NOBODY

MAKE = text("INSERT INTO things VALUES (:name)")
NAMES = text("SELECT name FROM things ORDER BY name")


@pytest.fixture
def core(sqlite_url: str) -> Iterator[Core]:
    with closing(Core(sqlite_url)) as core:
        with core.begin(NOBODY) as uow:
            uow.connection.execute(text("CREATE TABLE things (name TEXT)"))
        yield core


def make(core: Core, name: str) -> None:
    with core.begin(NOBODY) as uow:
        uow.connection.execute(MAKE, {"name": name})


def fail(core: Core, sql: str) -> None:
    """A unit that fails after it has said something to the driver."""
    with core.begin(NOBODY) as uow:
        uow.connection.connection.dbapi_connection.execute(sql)
        raise ZeroDivisionError


def gather_and_fail(core: Core, work: Callable[[], None]) -> None:
    """Units that are gathered, and something that fails beside them."""
    with core.database.gathering():
        work()
        raise ZeroDivisionError


def names(core: Core) -> list[str]:
    with core.view(NOBODY) as uow:
        return list(uow.connection.execute(NAMES).scalars())


def test_all_units_are_kept(core):
    with core.database.gathering():
        make(core, "one")
        make(core, "two")
    assert names(core) == ["one", "two"]


def test_none_is_seen_before_the_end(core):
    with core.database.gathering():
        make(core, "one")
        assert names(core) == []


def test_a_unit_sees_those_before_it(core):
    with core.database.gathering():
        make(core, "one")
        with core.begin(NOBODY) as uow:
            assert uow.connection.execute(NAMES).scalars().all() == ["one"]


def test_a_unit_that_fails_is_undone_by_itself(core):
    with core.database.gathering():
        make(core, "one")
        with pytest.raises(ZeroDivisionError):
            fail(core, "INSERT INTO things VALUES ('two')")
        make(core, "three")
    assert names(core) == ["one", "three"]


def test_what_fails_as_a_whole_is_undone_as_a_whole(core):
    with pytest.raises(ZeroDivisionError):
        gather_and_fail(core, lambda: make(core, "one"))
    make(core, "two")
    assert names(core) == ["two"]


def test_a_probe_undoes_nothing_but_itself(core):
    with core.database.gathering():
        make(core, "one")
        core.probe()
    assert names(core) == ["one"]


def test_what_is_due_after_a_commit_is_done_after_that_of_all(core):
    groups: list[list[str]] = []
    with core.database.gathering():
        with core.begin(NOBODY) as uow:
            uow.after_commit.append(lambda: groups.append(names(core)))
        make(core, "one")
        assert groups == []
    assert groups == [["one"]]


def test_what_is_due_after_a_commit_may_fail(core, caplog):
    done: list[int] = []
    with core.database.gathering(), core.begin(NOBODY) as uow:
        uow.after_commit += [lambda: 1 // 0, lambda: done.append(1)]
    assert done == [1]
    assert "has failed" in caplog.text


def test_what_is_due_is_not_done_if_nothing_is_kept(core):
    done: list[int] = []

    def work() -> None:
        with core.begin(NOBODY) as uow:
            uow.after_commit.append(lambda: done.append(1))

    with pytest.raises(ZeroDivisionError):
        gather_and_fail(core, work)
    make(core, "one")
    assert done == []


def test_a_transaction_that_the_database_has_undone_is_noticed(core):
    def lose() -> None:
        with core.database.gathering():
            make(core, "one")
            with pytest.raises(ZeroDivisionError):
                # As SQLite does by itself when the disk is full.
                fail(core, "ROLLBACK")
            with pytest.raises(Unavailable):
                make(core, "two")

    with pytest.raises(Unavailable):
        lose()
    make(core, "three")
    assert names(core) == ["three"]
