"""Databases of the last development version get the version of 0.1.0, with all their rows."""

from contextlib import closing

import pytest
from sqlalchemy import create_engine, inspect

from stellary import Stellary
from stellary.core import Core
from stellary.core.__main__ import main
from stellary.core.kernel.unit import Actor
from stellary.core.migrations.development import LAST
from stellary.core.migrations.history import VERSION_TABLE
from tests.conftest import RUN
from tests.support.databases import KINDS
from tests.support.development_database import create_development_database
from tests.support.migrations import NEXT, read_schema, read_version, run_sql, upgrade_to
from tests.support.search_prefixes import find_wrong_prefixes, index_entries
from tests.support.world import at_once

pytestmark = [pytest.mark.slow("migrates databases of its own"), pytest.mark.wide(when="migrations")]

BOSS = "6b0dd23473ae3515e135a08d"
PROJECT = "6b0dd23473ae35246d72591e"
COLUMN = "6b0dd23473ae3525d9ae66c3"
LABEL = "6b0dd23473ae3526a301fbc3"


@pytest.fixture
def development_url(request, kind):
    """Yield the URL of a database of the last development version, which is made once for the run."""
    databases = KINDS[kind](request.config.stash[RUN])
    with databases.copy_of(databases.fill("development", create_development_database)) as url:
        yield url


def read_rows(url):
    """Return all rows by table, whatever the order of their columns."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {
            table: sorted(
                str(sorted(row.items()))
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
            )
            for table in inspect(connection).get_table_names()
            if table != VERSION_TABLE
        }
    engine.dispose()
    return rows


def test_rows_are_kept(development_url, capsys):
    rows = read_rows(development_url)
    assert [table for table in rows if not rows[table]] == ["stellary_search_prefixes"]
    assert main(["check", "--database", development_url]) == 1
    upgrade_to(development_url, "0100")
    assert (read_rows(development_url), read_version(development_url)) == (rows, "0100")
    assert main(["downgrade", "--database", development_url, "--yes"]) == 2
    assert capsys.readouterr().err == "stellary: 0100 is the first version; uninstall deletes the tables\n"


def test_schema_is_that_of_a_new_database(development_url, new_url):
    assert main(["migrate", "--database", development_url]) == 0
    assert read_schema(development_url) == read_schema(new_url)


def test_check_finds_no_difference_afterwards(development_url):
    assert [main([command, "--database", development_url]) for command in ("migrate", "check")] == [0, 0]


def test_core_works_with_the_rows(development_url):
    with closing(Core(development_url)) as core:
        core.migrate()
        ws = Stellary.embedded(core.port(Actor(BOSS))).workspace("acme", "eng")
        project = ws.project(PROJECT)
        assert [card.title for card in project.cards.list(label_id=LABEL)] == ["First"]
        project.cards.create(COLUMN, title="New", label_ids=[LABEL])
        assert [card.title for card in project.cards.list(label_id=LABEL)] == ["First", "New"]
        index_entries(core)
        assert find_wrong_prefixes(core) == set()
        assert [hit.title for hit in ws.search(q="launch")] == ["Launch"]


def test_later_migrations_follow(development_url, next_version):
    next_version.write('add_column("stellary_cards", sa.Column("shade", sa.Integer()))')
    at_once(*[lambda: main(["migrate", "--database", development_url])] * 2)
    assert read_version(development_url) == NEXT
    assert run_sql(development_url, "SELECT DISTINCT shade FROM stellary_cards") == [(None,)]


CHANGED = (
    f"the tables have the development version {LAST}, but were changed; first add index ix_stellary_cards_due_date,"
    " remove column stellary_cards.shade"
)
EARLIER = (
    f"the database has the development version 0042; migrate it to {LAST} with the last code that has the migration"
    f" {LAST}_document_comments, and then with this version"
)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE stellary_alembic_version SET version_num = '0042'", EARLIER),
        ("ALTER TABLE stellary_cards ADD shade INTEGER; DROP INDEX ix_stellary_cards_due_date", CHANGED),
    ],
    ids=["version", "schema"],
)
def test_other_databases_are_refused_unchanged(development_url, capsys, change, problem):
    run_sql(development_url, *change.split("; "))
    before = (read_version(development_url), read_schema(development_url))
    assert main(["migrate", "--database", development_url]) == 2
    assert capsys.readouterr().err == f"stellary: {problem}\n"
    assert (read_version(development_url), read_schema(development_url)) == before
