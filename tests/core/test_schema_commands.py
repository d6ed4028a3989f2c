"""``python -m stellary.core``: the tables of the core in a host's database, beside the host's own."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine

from stellary.core import Core, include_name, migrations
from stellary.core.__main__ import main
from stellary.core.migrations.history import PREFIX, VERSION_TABLE
from tests.support.migrations import NEXT, list_tables, run_sql

pytestmark = [pytest.mark.slow("migrates databases of its own"), pytest.mark.wide(when="migrations")]

SET_VERSION = f"UPDATE {VERSION_TABLE} SET version_num = '{{}}'"
ORDERS = "CREATE TABLE orders (number INTEGER NOT NULL PRIMARY KEY)"


@pytest.fixture
def host_url(database_url):
    """The URL of a database with a table of the host beside those of the core."""
    run_sql(database_url, ORDERS)
    return database_url


def test_migrate_creates_the_tables_beside_those_of_the_host(empty_url, monkeypatch, capsys):
    run_sql(empty_url, ORDERS)
    monkeypatch.setenv("STELLARY_DATABASE_URL", empty_url)
    assert main(["check"]) == 1
    assert main(["downgrade", "--yes"]) == 2
    assert main(["migrate"]) == 0
    assert {"orders", "stellary_cards", VERSION_TABLE} <= list_tables(empty_url)
    assert main(["check", "--database", empty_url]) == 0
    output = capsys.readouterr()
    assert output.out == "the tables do not exist\n" + "the schema is up to date\n" * 2
    assert output.err == "stellary: the tables do not exist\n"


def test_check_reports_an_older_version(host_url, capsys):
    run_sql(host_url, SET_VERSION.format("0001"))
    capsys.readouterr()
    assert main(["check", "--database", host_url]) == 1
    assert capsys.readouterr().out.startswith("the database has version 0001; this package needs ")


def test_check_reports_what_was_changed_by_hand(host_url, capsys):
    run_sql(
        host_url,
        "DROP INDEX ix_stellary_jobs_kind_due_at_id",
        "ALTER TABLE stellary_cards ADD COLUMN shoe_size INTEGER",
    )
    capsys.readouterr()
    assert main(["check", "--database", host_url]) == 1
    expected = ["add index ix_stellary_jobs_kind_due_at_id", "remove column stellary_cards.shoe_size"]
    assert sorted(capsys.readouterr().out.splitlines()) == expected


def test_printed_sql_creates_the_schema(empty_url, capsys):
    assert main(["sql", empty_url.partition(":")[0].partition("+")[0]]) == 0
    run_sql(empty_url, *capsys.readouterr().out.split(";\n")[:-1])
    assert main(["check", "--database", empty_url]) == 0
    core = Core(empty_url)
    core.migrate()
    core.user(external_id="42")
    core.close()


def test_downgrade_undoes_the_newest_migration(host_url, next_version, capsys):
    next_version.use_all_operations()
    previous = next_version.newest
    run_sql(host_url, SET_VERSION.format(NEXT))
    assert main(["downgrade", "--database", host_url, "--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"the schema has version {previous}"
    assert main(["check", "--database", host_url]) == 1
    assert capsys.readouterr().out == f"the database has version {previous}; this package needs {NEXT}\n"
    assert main(["migrate", "--database", host_url]) == 0
    assert main(["check", "--database", host_url]) == 0
    assert "orders" in list_tables(host_url)


def test_printed_sql_of_a_downgrade_undoes_the_newest_migration(host_url, next_version, capsys):
    next_version.use_all_operations()
    dialect = host_url.partition(":")[0].partition("+")[0]
    if dialect == "sqlite":
        assert main(["sql", dialect, "--downgrade"]) == 2
        assert "run the command downgrade" in capsys.readouterr().err
        next_version.write(
            'create_index("ix_stellary_jobs_claimed_by", "stellary_jobs", ["claimed_by"], where="claimed_by IS NOT NULL")',
            downgrades=['drop_index("ix_stellary_jobs_claimed_by")'],
        )
    run_sql(host_url, SET_VERSION.format(NEXT))
    capsys.readouterr()
    assert main(["sql", dialect, "--downgrade"]) == 0
    run_sql(host_url, *capsys.readouterr().out.split(";\n")[:-1])
    main(["check", "--database", host_url])
    assert capsys.readouterr().out.startswith(f"the database has version {next_version.newest}; ")
    assert main(["migrate", "--database", host_url]) == 0
    assert main(["check", "--database", host_url]) == 0


def test_downgrade_needs_a_confirmation_and_an_earlier_version(host_url, capsys):
    assert main(["downgrade", "--database", host_url]) == 2
    assert "--yes" in capsys.readouterr().err
    for version, problem in (("0100", "uninstall"), ("9999", "9999")):
        run_sql(host_url, SET_VERSION.format(version))
        assert main(["downgrade", "--database", host_url, "--yes"]) == 2
        assert problem in capsys.readouterr().err


def test_printed_sql_of_a_downgrade_needs_an_earlier_version(monkeypatch, capsys):
    monkeypatch.setattr(migrations, "_newest", lambda: "0100")
    assert main(["sql", "sqlite", "--downgrade"]) == 2
    assert capsys.readouterr().err == "stellary: 0100 is the first version; uninstall deletes the tables\n"


def test_uninstall_removes_the_tables_of_the_core_alone(host_url, capsys):
    assert main(["uninstall", "--database", host_url, "--yes"]) == 0
    assert [name for name in list_tables(host_url) if name.startswith(PREFIX)] == []
    assert "orders" in list_tables(host_url)
    assert main(["migrate", "--database", host_url]) == 0


@pytest.mark.postgres
def test_uninstall_removes_the_functions_of_the_core_alone(postgres_url):
    run_sql(postgres_url, "CREATE FUNCTION stellary_of_host() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert main(["uninstall", "--database", postgres_url, "--yes"]) == 0
    functions = run_sql(postgres_url, "SELECT proname FROM pg_proc WHERE proname LIKE 'stellary%'")
    assert functions == [("stellary_of_host",)]
    run_sql(postgres_url, "DROP FUNCTION stellary_of_host()")
    assert main(["migrate", "--database", postgres_url]) == 0


def test_uninstall_needs_a_confirmation(host_url, capsys):
    assert main(["uninstall", "--database", host_url]) == 2
    assert "--yes" in capsys.readouterr().err
    assert VERSION_TABLE in list_tables(host_url)


@pytest.mark.parametrize("url", ["mysql://localhost/stellary", "no url"])
def test_other_databases_are_refused_in_one_sentence(url, capsys):
    assert main(["migrate", "--database", url]) == 2
    assert capsys.readouterr().err.startswith("stellary: ")


def test_command_needs_a_database(monkeypatch, capsys):
    monkeypatch.delenv("STELLARY_DATABASE_URL", raising=False)
    assert main(["migrate"]) == 2
    assert "STELLARY_DATABASE_URL" in capsys.readouterr().err


def test_autogeneration_of_the_host_leaves_the_tables_of_the_core_alone(host_url):
    host = MetaData()
    Table("orders", host, Column("number", Integer, primary_key=True))
    Table("order_lines", host, Column("id", Integer, primary_key=True), Column("title", String(100)))
    engine = create_engine(host_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include_name})
        differences = compare_metadata(context, host)
    engine.dispose()
    assert [(operation, table.name) for operation, table in differences] == [("add_table", "order_lines")]
