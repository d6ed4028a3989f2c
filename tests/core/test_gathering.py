"""Units of one thread that are committed together: each is undone by itself, and all are kept or none."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stellary.contract.errors import ApiError, Unavailable
from stellary.core import NOBODY, Core, UnitOfWork
from tests.support.each_case import for_each

MAKE = text("INSERT INTO things VALUES (:name)")
NAMES = text("SELECT name FROM things ORDER BY name")


@contextmanager
def open_core(url: str) -> Iterator[Core]:
    with closing(Core(url)) as core:
        with core.begin(NOBODY) as uow:
            uow.connection.execute(text("CREATE TABLE things (name TEXT)"))
        yield core


@pytest.fixture
def core(database_url: str) -> Iterator[Core]:
    with open_core(database_url) as core:
        yield core


@pytest.fixture
def sqlite_core(sqlite_url: str) -> Iterator[Core]:
    with open_core(sqlite_url) as core:
        yield core


@pytest.fixture
def postgres_core(postgres_url: str) -> Iterator[Core]:
    with open_core(postgres_url) as core:
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


def test_a_transaction_that_the_database_has_undone_is_noticed(sqlite_core):
    def lose() -> None:
        with sqlite_core.database.gathering():
            make(sqlite_core, "one")
            with pytest.raises(ZeroDivisionError):
                # As SQLite does by itself when the disk is full.
                fail(sqlite_core, "ROLLBACK")
            with pytest.raises(Unavailable):
                make(sqlite_core, "two")

    with pytest.raises(Unavailable):
        lose()
    make(sqlite_core, "three")
    assert names(sqlite_core) == ["three"]


# A serialization failure, a statement time-out, and a duplicate.
@for_each("state", ["40001", "57014", "23505"])
def test_group_is_lost_if_postgresql_rejects_a_statement(postgres_core, state):
    core, effects, attempts = postgres_core, [], []
    sql = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"

    def work(uow: UnitOfWork) -> None:
        attempts.append(1)
        uow.connection.execute(text(sql))

    def lose() -> None:
        with core.database.gathering():
            with core.begin(NOBODY) as uow:
                uow.connection.execute(MAKE, {"name": "one"})
                uow.after_commit.append(lambda: effects.append("one"))
            with pytest.raises((DBAPIError, ApiError)):
                core.run(NOBODY, work)
            with pytest.raises(Unavailable):
                make(core, "two")

    with pytest.raises(Unavailable):
        lose()
    assert (attempts, effects, names(core)) == ([1], [], [])
    make(core, "three")
    assert names(core) == ["three"]
    with core.begin(NOBODY) as uow:
        uow.connection.execute(text("DELETE FROM things"))


def test_group_whose_transaction_was_aborted_unnoticed_is_lost(postgres_core):
    def lose() -> None:
        with postgres_core.database.gathering():
            make(postgres_core, "one")
            with postgres_core.begin(NOBODY) as uow, suppress(DBAPIError):
                uow.connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(Unavailable):
        lose()
    assert names(postgres_core) == []


def test_commit_of_a_lost_connection_loses_the_group(postgres_core):
    def lose() -> None:
        with postgres_core.database.gathering():
            with postgres_core.begin(NOBODY) as uow:
                uow.connection.execute(MAKE, {"name": "one"})
                pid = uow.connection.execute(text("SELECT pg_backend_pid()")).scalar()
            with postgres_core.database.open_dedicated() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    with pytest.raises(DBAPIError):
        lose()
    make(postgres_core, "two")
    assert names(postgres_core) == ["two"]
