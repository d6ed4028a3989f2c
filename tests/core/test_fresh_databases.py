"""The databases of tests: each test finds an empty one of the current schema, although they are used again."""

from contextlib import closing

import pytest
from sqlalchemy import create_engine, inspect

from stellary.core import Core
from tests.conftest import RUN
from tests.support.databases import KINDS, Sqlite
from tests.support.tables import read_rows
from tests.support.world import World


@pytest.fixture
def databases(request, kind):
    """Return the databases of a kind."""
    return KINDS[kind](request.config.stash[RUN])


def find_filled_tables(core):
    # A new log of changed cards has one row, which is deleted with all others when a database is used again.
    first_log_row = [(1, "")]
    return [name for name, rows in read_rows(core).items() if rows and rows != first_log_row]


def test_rows_of_a_test_are_gone_in_the_next(databases):
    urls = set()
    for _ in range(2):
        with databases.database() as url:
            urls.add(url)
            with closing(Core(url, bcrypt_rounds=4)) as core:
                assert find_filled_tables(core) == []
                person = World(core).person()
                World(core).project(person, World(core).home(person))
                assert "stellary_projects" in find_filled_tables(core)
    assert len(urls) == 1


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE leftover (id integer)",
        "DROP TABLE stellary_comments",
        "ALTER TABLE stellary_cards ADD COLUMN leftover integer",
        "UPDATE stellary_alembic_version SET version_num = '0001'",
    ],
)
def test_database_with_another_schema_is_not_used_again(databases, change):
    with databases.database() as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(change)
        engine.dispose()
    with databases.database() as next_url:
        assert next_url != url
        engine = create_engine(next_url)
        assert "leftover" not in inspect(engine).get_table_names()
        engine.dispose()


def test_file_with_an_open_connection_is_not_used_again(request):
    databases = Sqlite(request.config.stash[RUN])
    with databases.database() as url:
        engine = create_engine(url)
        connection = engine.connect()
    with databases.database() as next_url:
        assert next_url != url
    connection.close()
    engine.dispose()


def test_settings_of_a_connection_do_not_reach_the_next_test(request):
    databases = Sqlite(request.config.stash[RUN])
    for _ in range(2):
        with databases.database() as url, closing(Core(url, bcrypt_rounds=4)) as core:
            World(core).person()
            with core.database.open_raw() as connection:
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
                connection.exec_driver_sql("PRAGMA query_only=ON")
                connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
