"""``python -m stellary.core``: the tables of the core in a host's database, beside the host's own."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine

from stellary.core import Core, include_name, migrations
from stellary.core.__main__ import main
from stellary.core.migrations.history import PREFIX, VERSION_TABLE, list_revisions
from tests.support.migrations import NEXT, list_tables, run_sql


@pytest.fixture
def host_url(empty_url):
    """The URL of a database with one table of the host."""
    run_sql(empty_url, "CREATE TABLE orders (number INTEGER NOT NULL PRIMARY KEY)")
    return empty_url


def test_migrate_creates_the_tables_beside_those_of_the_host(host_url, capsys):
    assert main(["migrate", "--database", host_url]) == 0
    assert {"orders", "stellary_cards", VERSION_TABLE} <= list_tables(host_url)
    assert main(["check", "--database", host_url]) == 0
    assert capsys.readouterr().out == "the schema is up to date\n" * 2


def test_url_is_taken_from_the_environment(host_url, monkeypatch):
    monkeypatch.setenv("STELLARY_DATABASE_URL", host_url)
    assert main(["migrate"]) == 0
    assert VERSION_TABLE in list_tables(host_url)


def test_check_reports_a_missing_schema(host_url, capsys):
    assert main(["check", "--database", host_url]) == 1
    assert capsys.readouterr().out == "the tables do not exist\n"


def test_check_reports_an_older_version(host_url, capsys):
    main(["migrate", "--database", host_url])
    run_sql(host_url, f"UPDATE {VERSION_TABLE} SET version_num = '0001'")
    capsys.readouterr()
    assert main(["check", "--database", host_url]) == 1
    assert capsys.readouterr().out.startswith("the database has version 0001; this package needs ")


def test_check_reports_what_was_changed_by_hand(host_url, capsys):
    main(["migrate", "--database", host_url])
    run_sql(
        host_url,
        "DROP INDEX ix_stellary_jobs_kind_due_at_id",
        "ALTER TABLE stellary_cards ADD COLUMN shoe_size INTEGER",
    )
    capsys.readouterr()
    assert main(["check", "--database", host_url]) == 1
    problems = capsys.readouterr().out.splitlines()
    assert sorted(problems) == [
        "add index ix_stellary_jobs_kind_due_at_id",
        "remove column stellary_cards.shoe_size",
    ]


def test_printed_sql_creates_the_schema(host_url, capsys):
    assert main(["sql", host_url.partition(":")[0].partition("+")[0]]) == 0
    script = capsys.readouterr().out
    run_sql(host_url, *script.split(";\n")[:-1])
    assert main(["check", "--database", host_url]) == 0
    core = Core(host_url)
    core.migrate()
    core.user(external_id="42")
    core.close()


def test_downgrade_undoes_the_newest_migration(host_url, next_version, capsys):
    next_version.use_all_operations()
    previous = next_version.newest
    main(["migrate", "--database", host_url])
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
    main(["migrate", "--database", host_url])
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
    problems = []
    for version in (None, list_revisions()[0], "9999"):
        if version is not None:
            run_sql(host_url, f"UPDATE {VERSION_TABLE} SET version_num = '{version}'")
        assert main(["downgrade", "--database", host_url, "--yes"]) == 2
        problems.append(capsys.readouterr().err)
        main(["migrate", "--database", host_url])
        capsys.readouterr()
    assert "do not exist" in problems[0]
    assert "uninstall" in problems[1]
    assert "9999" in problems[2]


def test_printed_sql_of_a_downgrade_needs_an_earlier_version(monkeypatch, capsys):
    monkeypatch.setattr(migrations, "_newest", lambda: "0100")
    assert main(["sql", "sqlite", "--downgrade"]) == 2
    assert capsys.readouterr().err == "stellary: 0100 is the first version; uninstall deletes the tables\n"


def test_uninstall_removes_the_tables_of_the_core_alone(host_url, capsys):
    main(["migrate", "--database", host_url])
    assert main(["uninstall", "--database", host_url, "--yes"]) == 0
    assert [name for name in list_tables(host_url) if name.startswith(PREFIX)] == []
    assert "orders" in list_tables(host_url)
    assert main(["migrate", "--database", host_url]) == 0


def test_uninstall_needs_a_confirmation(host_url, capsys):
    main(["migrate", "--database", host_url])
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
    main(["migrate", "--database", host_url])
    host = MetaData()
    Table("orders", host, Column("number", Integer, primary_key=True))
    Table("order_lines", host, Column("id", Integer, primary_key=True), Column("title", String(100)))
    engine = create_engine(host_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include_name})
        differences = compare_metadata(context, host)
    engine.dispose()
    assert [(operation, table.name) for operation, table in differences] == [("add_table", "order_lines")]
