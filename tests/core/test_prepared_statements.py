"""Prepared statements stay prepared over rollbacks, and are replaced when a migration makes them stale."""

from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from psycopg._preparing import PrepareManager
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from stellary.contract.errors import NotFound
from stellary.core import NOBODY, Core, UnitOfWork
from stellary.core.db.prepared_statements import LastingStatements, keep_statements
from tests.support.core_parts import Database

_PREPARED = text("SELECT name FROM pg_prepared_statements")
_ROWS = text("SELECT * FROM stellary_test_rows")


@pytest.fixture
def unshared_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines connect as in production: those of other tests have statements of their own."""
    for name in ("connect", "do_close", "do_terminate"):
        monkeypatch.delattr(PGDialect_psycopg, name)


@pytest.fixture
def url(postgres_url: str, unshared_connections: None) -> str:
    return f"{postgres_url}{'&' if '?' in postgres_url else '?'}prepare_threshold=0"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(Database(url)) as database:
        yield database


@pytest.fixture
def driver(postgres_url: str) -> Iterator[psycopg.Connection]:
    plain_url = postgres_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain_url, prepare_threshold=0) as driver:
        yield driver


def prepared_names(connection: Connection) -> list[str]:
    return list(connection.execute(_PREPARED).scalars())


@pytest.mark.parametrize("mode", ["reading", "writing"])
def test_rejected_unit_leaves_statements_prepared(database, mode):
    with getattr(database, mode)() as connection:
        connection.execute(text("SELECT 1"))
        before = prepared_names(connection)
    with suppress(NotFound), getattr(database, mode)():
        raise NotFound("no card has this id")
    with suppress(NotFound), getattr(database, mode)() as connection:
        connection.execute(text("SELECT 1"))
        raise NotFound("no card has this id")
    with getattr(database, mode)() as connection:
        assert before
        assert prepared_names(connection) == before


def test_rejected_read_leaves_statements_of_a_host_prepared(url, make_engine):
    engine = make_engine(url.replace("prepare_threshold=0", ""), connect_args={"prepare_threshold": 0})
    with closing(Database(engine)) as database:
        with database.reading() as connection:
            before = prepared_names(connection)
        with suppress(NotFound), database.reading() as connection:
            connection.execute(text("SELECT 1"))
            raise NotFound("no card has this id")
        with database.reading() as connection:
            assert {*before} <= {*prepared_names(connection)}


def test_rollback_to_a_savepoint_leaves_statements_prepared(database):
    with database.writing() as connection:
        before = {*prepared_names(connection)}
        with suppress(NotFound), connection.begin_nested():
            raise NotFound("no card has this id")
        assert before
        assert before <= {*prepared_names(connection)}


def test_unit_succeeds_after_a_migration_has_made_its_statement_stale(url):
    with closing(Core(url)) as core, closing(Database(url)) as other:

        def read(uow: UnitOfWork) -> object:
            return uow.connection.execute(_ROWS).scalar_one()

        with other.writing() as connection:
            connection.execute(text("CREATE TABLE stellary_test_rows AS SELECT 1 AS number"))
        assert core.run(NOBODY, read) == core.run(NOBODY, read, read_only=True) == 1
        with other.writing() as connection:
            connection.execute(text("ALTER TABLE stellary_test_rows ALTER number TYPE text"))
        assert core.run(NOBODY, read) == core.run(NOBODY, read, read_only=True) == "1"


def test_psycopg_uses_our_statements_in_place_of_its_own(driver):
    assert type(driver._prepared) is PrepareManager
    keep_statements(driver)
    assert type(driver._prepared) is LastingStatements
    assert driver.prepare_threshold == 0
    driver.execute("SELECT 1")
    assert len(driver._prepared._names) == 1


def test_psycopg_without_our_statements_still_forgets_them(driver):
    """If this fails, psycopg keeps them by itself, and the module is superfluous."""
    driver.execute("SELECT 1")
    driver.rollback()
    assert not driver.execute("SELECT FROM pg_prepared_statements WHERE statement = 'SELECT 1'").fetchall()


@pytest.mark.parametrize("command", ["DROP TABLE given", "ALTER TABLE given ADD other int", "DEALLOCATE ALL"])
def test_commands_after_which_statements_cannot_be_used_discard_them(driver, command):
    keep_statements(driver)
    driver.execute("CREATE TEMP TABLE given (number int)")
    driver.execute("SELECT * FROM given")
    driver.execute(command)
    assert not driver._prepared._names
    assert driver.execute("SELECT 1").fetchone() == (1,)


def test_manager_that_is_not_psycopgs_own_is_left_alone(driver):
    class OtherStatements(PrepareManager):
        pass

    driver._prepared = OtherStatements()
    keep_statements(driver)
    assert type(driver._prepared) is OtherStatements
