"""Migrations: all or nothing, one at a time, and only in tables of the core."""

import logging
import re
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Table, create_engine, event, inspect, text

from stellary.core import Core
from stellary.core.db.base import IdType, metadata
from stellary.core.kernel.unit import NOBODY
from stellary.core.migrations import build_schema_sql, downgrade, find_version_problem, history, upgrade
from stellary.core.migrations.history import PREFIX, VERSION_TABLE, list_revisions
from tests.support import databases
from tests.support.boards import ask
from tests.support.forkserver import context
from tests.support.forms import FORM, form
from tests.support.migrations import (
    NEXT,
    ROWS,
    list_tables,
    read_schema,
    read_version,
    run_sql,
    upgrade_to,
)
from tests.support.tables import cards
from tests.support.world import at_once

pytestmark = pytest.mark.slow("migrates databases of its own")


def migrate(url):
    core = Core(url)
    try:
        core.migrate()
    finally:
        core.close()


OURS = set(metadata.tables) | {VERSION_TABLE}


def differences(connection):
    """Return the differences between the database and the schema in the code."""

    def ours(thing, name, kind, *_):
        return kind != "table" or name.startswith(PREFIX)

    options = {"version_table": VERSION_TABLE, "compare_server_default": True, "include_object": ours}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_all_tables_have_the_prefix():
    assert [name for name in metadata.tables if not name.startswith(PREFIX)] == []


def test_migrated_database_matches_the_schema_in_the_code(core):
    with core.database.open_raw() as connection:
        assert differences(connection) == []


def test_new_database_equals_a_migrated_one(empty_url, new_url):
    upgrade_to(empty_url, "0100")
    migrate(empty_url)
    engine = create_engine(empty_url)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()
    assert read_schema(empty_url) == read_schema(new_url)


def test_each_migration_is_undone_and_repeated(empty_url, new_url, next_version):
    next_version.use_all_operations()
    upgrade_to(empty_url, "0100")
    run_sql(empty_url, *ROWS.split(";"))
    first, *later = list_revisions()
    schemas = {first: read_schema(empty_url)}
    with closing(Core(empty_url)) as core, core.database.open_migrating() as connection:
        for revision in later:
            upgrade(connection, revision)
            schemas[revision] = read_schema(empty_url)
        assert run_sql(empty_url, "SELECT claimed_by FROM stellary_jobs") == [(1,)]
        for revision in reversed([first, *later[:-1]]):
            assert downgrade(connection) == revision
            assert read_schema(empty_url) == schemas[revision]
        for revision in later:
            upgrade(connection, revision)
            assert read_schema(empty_url) == schemas[revision]
    tables = ("users", "projects", "jobs")
    assert [run_sql(empty_url, f"SELECT count(*) FROM stellary_{table}") for table in tables] == [[(1,)]] * 3
    assert read_schema(new_url) == schemas[NEXT]


def downgrade_to(connection, revision):
    while downgrade(connection) != revision:
        pass


def test_document_in_the_trash_outlives_renamed_columns(world, ann, core, database_url):
    path = world.workspace(ann).path
    document = world.ask(ann, "POST", f"{path}/documents", {"title": "Spec"})
    world.ask(ann, "DELETE", f"{path}/documents/{document['id']}")
    with core.database.open_migrating() as connection:
        downgrade_to(connection, "0100")
        columns = run_sql(
            database_url, "SELECT data FROM stellary_trash_rows WHERE table_name = 'stellary_documents'"
        )
        assert [name in columns[0][0] for name in ('"told_at":', '"reported_at":')] == [True, False]
        upgrade(connection)
    (entry,) = world.ask(ann, "GET", f"{path}/trash")
    world.ask(ann, "POST", f"{path}/trash/{entry['id']}/restore")
    assert world.ask(ann, "GET", f"{path}/documents/{document['id']}") == document


@pytest.mark.slow("walks back to an earlier version")
def test_draft_of_a_private_project_becomes_private(world, ann, core, database_url):
    path = f"{world.workspace(ann).path}/project-drafts"
    draft, idea = (
        world.ask(ann, "POST", path, {"name": "Offer", "visibility": "private"})["id"] for _ in "ab"
    )
    world.ask(ann, "POST", f"{path}/{draft}/generate-roadmap")
    world.ask(ann, "POST", f"{path}/{draft}/execute", {})
    with core.database.open_migrating() as connection:
        with pytest.raises(RuntimeError, match="execute or delete these drafts"):
            downgrade_to(connection, "0120")
        run_sql(database_url, f"DELETE FROM stellary_project_drafts WHERE id = '{idea}'")
        downgrade_to(connection, "0120")
        upgrade(connection)
    assert [item["visibility"] for item in world.ask(ann, "GET", path)] == ["private"]


@pytest.mark.slow("walks back to an earlier version")
def test_copy_of_a_file_in_the_trash_stops_the_downgrade(board, core, database_url):
    card = board.of(board.card())
    ask(board, "POST", f"{card}/attachments", form(b"Hello."), content_type=FORM)
    ask(board, "POST", f"{card}/duplicate", {"attachments": True})
    (file,) = ask(board, "GET", f"{card}/attachments")
    ask(board, "DELETE", f"{card}/attachments/{file['id']}")
    with core.database.open_migrating() as connection:
        with pytest.raises(RuntimeError, match="share their bytes"):
            downgrade_to(connection, "0120")
        run_sql(database_url, "DELETE FROM stellary_trash_rows")
        downgrade_to(connection, "0120")
        upgrade(connection)


def test_rows_that_an_earlier_version_cannot_have_stop_the_downgrade(empty_url, next_version):
    next_version.use_all_operations()
    upgrade_to(empty_url, "0100")
    run_sql(empty_url, *ROWS.split(";"))
    migrate(empty_url)
    run_sql(empty_url, "UPDATE stellary_projects SET workspace_id = NULL")
    with closing(Core(empty_url)) as core, core.database.open_migrating() as connection:
        with pytest.raises(
            RuntimeError, match="stellary_projects where workspace_id IS NULL: delete them first"
        ):
            downgrade(connection)
        assert read_version(empty_url) == NEXT
        assert run_sql(empty_url, "SELECT count(*) FROM stellary_store_tokens") == [(0,)]
        run_sql(empty_url, "UPDATE stellary_projects SET workspace_id = '1'")
        assert downgrade(connection) == next_version.newest


def test_rules_with_triggers_that_an_earlier_version_lacks_stop_the_downgrade(board, core):
    rule = {"trigger": "comment_added", "action": {"type": "archive_card"}}
    ask(board, "POST", f"{board.path}/automations", rule)
    with core.database.open_migrating() as connection:
        downgrade_to(connection, "0108")
        with pytest.raises(RuntimeError, match="delete the rules with these triggers"):
            downgrade(connection)


def test_new_database_does_not_load_alembic(tmp_path):
    """Check that alembic is not loaded, which would cost a quarter of a second and 10 MB, and that all tables are."""
    program = (
        "import sys; from stellary.core.migrations.schema import metadata; tables = set(metadata.tables);"
        "from stellary.core import Core; assert tables == set(metadata.tables); core = Core(sys.argv[1]); core.migrate(); core.close();"
        "sys.exit('alembic' in sys.modules)"
    )
    url = f"sqlite:///{tmp_path / 'new.db'}"
    done = subprocess.run([sys.executable, "-c", program, url], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0


def test_trigger_of_the_version_compares_every_column_of_cards():
    """On SQLite, lists would otherwise not see that a card has changed."""
    trigger = re.search(
        r"^CREATE TRIGGER stellary_cards_version .*?^BEGIN.*?$",
        build_schema_sql("sqlite"),
        re.DOTALL | re.MULTILINE,
    )
    assert set(cards.columns.keys()) - set(re.findall(r"NEW\.(\w+)", trigger[0])) == {"project_id"}


def test_difference_from_the_schema_is_detected(core):
    with core.database.writing() as connection:
        connection.execute(text("DROP INDEX ix_stellary_activities_workspace_id_seq"))
    with core.database.open_raw() as connection:
        ((kind, index),) = differences(connection)
    assert (kind, index.name) == ("add_index", "ix_stellary_activities_workspace_id_seq")


def test_keys_and_constraints_match_the_schema_in_the_code(core):
    """Check the parts of the schema that alembic does not compare."""

    def describe_table(table: Table, inspector):
        foreign_keys = inspector.get_foreign_keys(table.name)
        return {
            "primary key": set(inspector.get_pk_constraint(table.name)["constrained_columns"]),
            "foreign keys": {
                (*key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                for key in foreign_keys
            },
            "nullable": {
                column["name"] for column in inspector.get_columns(table.name) if column["nullable"]
            },
        }

    def describe_expected(table: Table):
        return {
            "primary key": {column.name for column in table.primary_key},
            "foreign keys": {
                (key.parent.name, key.column.table.name, key.ondelete) for key in table.foreign_keys
            },
            "nullable": {column.name for column in table.columns if column.nullable},
        }

    with core.database.open_raw() as connection:
        inspector = inspect(connection)
        actual = {table.name: describe_table(table, inspector) for table in metadata.sorted_tables}
    assert actual == {table.name: describe_expected(table) for table in metadata.sorted_tables}


def test_ids_are_compared_byte_by_byte_on_postgresql(postgres_url):
    """Check the collation of ids, which must sort by creation in any locale."""
    engine = create_engine(postgres_url)
    inspector = inspect(engine)
    columns = {
        (table, column["name"])
        for table in metadata.tables
        for column in inspector.get_columns(table)
        if getattr(column["type"], "collation", None) == "C"
    }
    engine.dispose()
    assert columns == {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if column.type is IdType
    }


def test_to_migrate_again_is_nothing(new_url, statements):
    with statements() as statements_sent:
        migrate(new_url)
    kinds = ("CREATE", "ALTER", "INSERT", "UPDATE", "DROP")
    assert [statement for statement in statements_sent if statement.startswith(kinds)] == []


def test_migration_keeps_existing_data(core):
    core.user(external_id="1", email="ann@example.com", name="Ann")
    core.migrate()
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text("SELECT count(*) FROM stellary_users")).scalar() == 1


def test_several_threads_migrate_at_once(empty_url):
    at_once(*[lambda: migrate(empty_url)] * 4)
    assert list_tables(empty_url) == OURS


def test_one_of_several_concurrent_upgrades_migrates(empty_url, statements, next_version):
    next_version.use_all_operations()
    upgrade_to(empty_url, "0100")
    with statements() as statements_sent:
        at_once(*[lambda: migrate(empty_url)] * 3)
    assert read_version(empty_url) == NEXT
    assert len([sql for sql in statements_sent if "CREATE TABLE stellary_store_tokens" in sql]) == 1


def test_newer_version_is_accepted_if_it_supports_this_one(core, caplog):
    """During an upgrade, servers of the previous release start beside the new schema."""
    with core.database.writing() as connection:
        connection.execute(
            text(
                f"UPDATE {VERSION_TABLE} SET version_num = '9999', supported_since = '{list_revisions()[-1]}'"
            )
        )
    with caplog.at_level(logging.INFO, "stellary.core"):
        core.migrate()
    assert "a newer version has migrated the database to 9999, which supports this version" in caplog.text
    with core.database.open_migrating() as connection:
        assert find_version_problem(connection) is None


def test_migrations_state_which_version_they_support(empty_url, next_version, monkeypatch):
    next_version.use_all_operations()
    upgrade_to(empty_url, next_version.newest)
    monkeypatch.setattr(history, "SUPPORTED_SINCE", next_version.newest)
    migrate(empty_url)
    assert run_sql(empty_url, f"SELECT supported_since FROM {VERSION_TABLE}") == [(next_version.newest,)]


def test_database_of_a_newer_version_is_rejected_unchanged(core):
    """A version that does not know a column would write rows that lack it."""
    with core.database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999', supported_since = '9998'"))
    with pytest.raises(
        RuntimeError,
        match=r"a newer version of Stellary has migrated it to 9999; this version supports up to \d+",
    ):
        core.migrate()
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "9999"


def test_several_processes_migrate_at_once(empty_url):
    processes = [context.Process(target=databases.migrate, args=(empty_url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert list_tables(empty_url) == OURS
    assert len(run_sql(empty_url, f"SELECT version_num FROM {VERSION_TABLE}")) == 1


@contextmanager
def failing():
    """Inside, a migration fails when most of it is done."""

    def fail(connection, cursor, sql, *remaining):
        if sql.startswith("CREATE INDEX ix_stellary_notifications"):
            raise LookupError

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(LookupError):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def test_a_migration_that_fails_leaves_nothing_behind(empty_url):
    run_sql(empty_url, "CREATE TABLE orders (number INTEGER PRIMARY KEY)")
    with failing():
        migrate(empty_url)
    assert list_tables(empty_url) == {"orders"}
    migrate(empty_url)
    assert list_tables(empty_url) == OURS | {"orders"}


def test_a_hosts_own_tables_and_versions_stay_as_they_were(empty_url):
    run_sql(
        empty_url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('theirs')",
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "INSERT INTO users VALUES (1)",
    )
    migrate(empty_url)
    assert list_tables(empty_url) == OURS | {"alembic_version", "users"}
    assert run_sql(empty_url, "SELECT version_num FROM alembic_version") == [("theirs",)]
    assert run_sql(empty_url, "SELECT id FROM users") == [(1,)]


def test_a_hosts_engine_is_migrated_whole_or_not_at_all(empty_url):
    """A host's SQLite driver would commit each table for itself."""
    engine = create_engine(empty_url)
    core = Core(engine)
    with failing():
        core.migrate()
    assert list_tables(empty_url) == set()
    core.migrate()
    assert list_tables(empty_url) == OURS
    engine.dispose()


def test_several_databases_are_migrated_at_once_by_one_process(tmp_path):
    urls = [f"sqlite:///{tmp_path / name}.db" for name in "abc"]
    at_once(*[lambda url=url: migrate(url) for url in urls])
    assert [list_tables(url) for url in urls] == [OURS] * 3


def test_foreign_keys_are_kept_afterwards(tmp_path):
    core = Core(f"sqlite:///{tmp_path / 'empty.db'}")
    for _ in range(2):
        core.migrate()
        with core.begin(NOBODY) as uow:
            assert uow.connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    core.close()


@pytest.mark.parametrize(("prefix", "is_ours"), [("stellary_", True), ("their_", False)])
def test_rows_of_ours_that_point_nowhere_are_noticed(tmp_path, prefix, is_ours):
    url = f"sqlite:///{tmp_path / 'broken.db'}"
    run_sql(
        url,
        f"CREATE TABLE {prefix}parents (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE {prefix}children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES {prefix}parents (id))",
        f"INSERT INTO {prefix}children VALUES (1, 7)",
    )
    if is_ours:
        with pytest.raises(RuntimeError, match="1 rows with broken references"):
            migrate(url)
        assert VERSION_TABLE not in list_tables(url)
    else:
        migrate(url)
        assert VERSION_TABLE in list_tables(url)


def test_a_probe_writes_and_changes_nothing(core):
    core.probe()
    core.migrate()
