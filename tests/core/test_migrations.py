"""Migrations: all or nothing, one at a time, and only in tables of the core."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, create_engine, event, inspect, text

from stellary.core import Core
from stellary.core.accounts.addresses import address_key, digest_address
from stellary.core.db.base import IdType, metadata
from stellary.core.kernel.unit import NOBODY
from stellary.core.migrations import PREFIX, VERSION_TABLE, upgrade
from tests.support import databases
from tests.support.forkserver import context
from tests.support.search_prefixes import find_wrong_prefixes, index_entries
from tests.support.world import at_once


def tables(url):
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def run(url, *statements):
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        rows = result.fetchall() if result.returns_rows else None
    engine.dispose()
    return rows


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


def run_all_migrations(url):
    """Run all migrations, as for a database of the first version."""
    core = Core(url)
    with core.database.open_raw() as connection:
        upgrade(connection, "0001")
    core.migrate()
    core.close()


def test_all_migrations_lead_to_the_schema_in_the_code(empty_url):
    run_all_migrations(empty_url)
    engine = create_engine(empty_url)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


DOCUMENT = '{"type": "doc", "content": [{"type": "text", "text": "Text"}]}'


KNOWN = {
    "organization_id": "a" * 24,
    "workspace_id": "b" * 24,
    "project_id": "c" * 24,
    "scope_id": "d" * 24,
    "column_id": "e" * 24,
    "card_id": "f" * 24,
}


def write_at(url, revision, *rows):
    """Make a database of an earlier version, and rows in the columns that there were: of a table, with these values."""
    engine = create_engine(url)
    with engine.connect() as connection:
        upgrade(connection, revision)
    then, now = MetaData(), datetime(2026, 4, 1, tzinfo=UTC)
    then.reflect(engine)
    with engine.begin() as connection:
        for name, values in rows:
            table = then.tables[PREFIX + name]
            row = {column.name: filler(column, now) for column in table.columns if not column.nullable}
            connection.execute(table.insert(), row | values)
    engine.dispose()


def filler(column, now):
    """Something that a column takes."""
    if column.name.endswith("_id"):
        return KNOWN.get(column.name, "0" * 24)
    if column.name == "custom_fields":
        return "{}"
    kind = column.type.python_type
    return {str: "[]", datetime: now, bool: False, int: 1}[kind]


PLACE = [
    ("users", {"id": "0" * 24, "email": "a", "email_key": "a"}),
    ("organizations", {"id": KNOWN["organization_id"], "slug": "acme", "name": "Acme"}),
    ("workspaces", {"id": KNOWN["workspace_id"], "slug": "eng", "name": "Eng"}),
    ("projects", {"id": KNOWN["project_id"], "key": "LAU", "name": "Launch", "description": "Café"}),
]


def test_what_was_written_before_there_was_an_index_is_found(empty_url):
    write_at(
        empty_url,
        "0010",
        *PLACE,
        ("scopes", {"id": KNOWN["scope_id"], "name": "Main"}),
        ("columns", {"id": KNOWN["column_id"], "name": "To Do"}),
        ("cards", {"id": KNOWN["card_id"], "title": "Write", "checklist": '[{"title": "Step"}]'}),
        ("comments", {"id": "1" * 24, "content": "Well."}),
        ("documents", {"id": "2" * 24, "title": "Spec", "content": DOCUMENT, "context_type": "organization"}),
    )
    migrate(empty_url)
    rows = run(empty_url, "SELECT kind, id, title, body FROM stellary_search_entries ORDER BY kind")
    assert [tuple(row) for row in rows] == [
        ("card", KNOWN["card_id"], " lau 1 write ", " step "),
        ("comment", "1" * 24, " ", " well "),
        ("document", "2" * 24, " spec ", " text "),
        ("project", KNOWN["project_id"], " lau launch ", " cafe "),
    ]
    with closing(Core(empty_url)) as core:
        index_entries(core)
        assert find_wrong_prefixes(core) == set()


def test_addresses_in_records_that_were_there_before_are_found(empty_url):
    record = {"id": "1" * 24, "seq": 1, "entity": "invitation", "meta": '{"name": "Ann@Example.com"}'}
    write_at(
        empty_url,
        "0033",
        *PLACE,
        ("activities", record),
        ("activities", {**record, "id": "2" * 24, "seq": 2, "meta": '{"name": "former address"}'}),
        ("activities", {**record, "id": "3" * 24, "seq": 3, "entity": "workspace_member"}),
    )
    migrate(empty_url)
    rows = run(empty_url, "SELECT address_digest FROM stellary_activities ORDER BY seq")
    assert [row[0] for row in rows] == [digest_address("ann@example.com"), None, None]


def test_addresses_that_were_there_before_are_told_apart(empty_url):
    sue, ann = {"email": "\u017fue@example.com", "email_key": "sue@example.com"}, "Ann@bücher.example"
    record = {"entity": "invitation", "meta": json.dumps({"name": sue["email"]}), "address_digest": "0"}
    write_at(
        empty_url,
        "0038",
        *PLACE,
        ("users", {"id": "1" * 24, **sue}),
        ("users", {"id": "2" * 24, "email": ann, "email_key": ann.casefold()}),
        ("invitations", {"id": "1" * 24, **sue}),
        ("activities", {**record, "id": "1" * 24, "seq": 1}),
    )
    migrate(empty_url)
    keys = [row[0] for row in run(empty_url, "SELECT email_key FROM stellary_users ORDER BY id")]
    assert keys == ["a", address_key(sue["email"]), address_key(ann)]
    assert run(empty_url, "SELECT email_key FROM stellary_invitations") == [(keys[1],)]
    digests = run(empty_url, "SELECT address_digest FROM stellary_activities")
    assert digests == [(digest_address(sue["email"]),)]


def test_identities_that_were_there_before_get_ids(empty_url):
    identity = {"issuer": "https://login.example.com", "user_id": "0" * 24}
    write_at(
        empty_url,
        "0035",
        PLACE[0],
        *(("identities", {**identity, "subject": subject}) for subject in "78"),
    )
    migrate(empty_url)
    first, second = (row[0] for row in run(empty_url, "SELECT id FROM stellary_identities"))
    assert first != second
    for id in (first, second):
        assert len(id) == 24
        assert datetime.fromtimestamp(int(id[:8], 16), UTC) == datetime(2026, 4, 1, tzinfo=UTC)


def test_rules_and_webhooks_that_were_there_before_are_still_looked_for(empty_url):
    deaf, observed = "1" * 24, "2" * 24
    write_at(
        empty_url,
        "0011",
        *PLACE,
        *[("workspaces", {"id": id, "slug": id, "name": "Other"}) for id in (deaf, observed)],
        ("automations", {"id": "3" * 24}),
        ("webhooks", {"id": "4" * 24, "workspace_id": observed}),
    )
    migrate(empty_url)
    rows = run(empty_url, "SELECT id FROM stellary_workspaces WHERE has_listeners ORDER BY id")
    assert [id for (id,) in rows] == [observed, KNOWN["workspace_id"]]


def test_names_in_rules_and_proposals_that_were_there_before_become_ids(empty_url):
    blocked, blocker, bug = "1" * 24, "2" * 24, "4" * 24
    rules = {
        "move_card": ({"targetColumn": "blocked"}, {"targetColumn": blocked}, None),
        "split_card": ({"column": "Blockd"}, {"column": "Blockd"}, "column 'Blockd' is the name of no item"),
        "add_label": ({"label": bug}, {"label": bug}, None),
        "remove_label": (
            {"label": "5" * 24},
            {"label": "5" * 24},
            f"label '{'5' * 24}' is the name of no item",
        ),
        "assign_card": ({"assigneeId": "Ann"}, {"assigneeId": "0" * 24}, None),
        "create_card": (
            {"title": "Bug", "column": "To Do"},
            {"title": "Bug", "column": KNOWN["column_id"]},
            None,
        ),
    }
    condition = '{"all":[{"field":"toColumn","op":"ne","value":"Blocker"}]}'
    write_at(
        empty_url,
        "0038",
        ("users", {"id": "0" * 24, "email": "a", "email_key": "a", "name": "Ann Lee"}),
        *PLACE[1:3],
        ("projects", {**PLACE[3][1], "workspace_id": KNOWN["workspace_id"]}),
        ("scopes", {"id": KNOWN["scope_id"], "name": "Main"}),
        ("columns", {"id": KNOWN["column_id"], "name": "To Do"}),
        ("columns", {"id": blocked, "name": "Blocked"}),
        ("columns", {"id": blocker, "name": "Blocker"}),
        ("labels", {"id": bug, "name": "Bug", "name_key": "bug"}),
        ("cards", {"id": KNOWN["card_id"], "title": "Write", "number": 7}),
        *[
            (
                "automations",
                {
                    "id": f"{number}" * 24,
                    "conditions": condition,
                    "action_type": kind,
                    "action_params": orjson.dumps(params).decode(),
                },
            )
            for number, (kind, (params, *_)) in enumerate(rules.items(), 1)
        ],
        (
            "pilotage_actions",
            {
                "action_type": "move_card",
                "payload": '{"cardId":"lau-7","targetColumn":"Blocked"}',
                "status": "approved",
            },
        ),
    )
    migrate(empty_url)
    stored = run(
        empty_url, "SELECT action_type, conditions, action_params FROM stellary_automations ORDER BY id"
    )
    problems = run(
        empty_url,
        "SELECT a.action_type, r.name FROM stellary_action_references r"
        " JOIN stellary_automations a ON a.id = r.automation_id WHERE r.missing",
    )
    assert {kind: orjson.loads(params) for kind, _, params in stored} == {
        kind: resolved for kind, (_, resolved, _) in rules.items()
    }
    assert {orjson.loads(text)["all"][0]["value"] for _, text, _ in stored} == {blocker}
    assert {kind: name.removeprefix("action.params.") for kind, name in problems} == {
        kind: problem for kind, (*_, problem) in rules.items() if problem
    }
    payload = run(empty_url, "SELECT resolved_payload FROM stellary_pilotage_actions")[0][0]
    assert orjson.loads(payload) == {"cardId": KNOWN["card_id"], "targetColumn": blocked}


def objects(url):
    """Return the schema as the database describes it: columns, keys, constraints, indexes, triggers."""
    if url.startswith("sqlite"):
        # A column that is added later stands on the line of another one.
        return sorted(
            (*row[:2], *sorted(re.split(r"[,\s]*\n\s*|, (?=\w+ [A-Z])", row.sql)))
            for row in run(url, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        )
    columns = """SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable,
        column_default FROM information_schema.columns WHERE table_schema = 'public'"""
    constraints = "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    triggers = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    return [sorted(map(str, run(url, query))) for query in (columns, constraints, indexes, triggers)]


def test_new_database_equals_a_migrated_one(empty_url, other_url):
    migrate(empty_url)
    run_all_migrations(other_url)
    assert objects(empty_url) == objects(other_url)


def test_new_database_does_not_load_alembic(tmp_path):
    """Check that alembic is not loaded, which would cost a quarter of a second and 10 MB."""
    program = (
        "import sys; from stellary.core import Core; core = Core(sys.argv[1]); core.migrate(); core.close();"
        "sys.exit('alembic' in sys.modules)"
    )
    url = f"sqlite:///{tmp_path / 'new.db'}"
    done = subprocess.run([sys.executable, "-c", program, url], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0


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


def test_an_empty_database_gets_all_tables(empty_url):
    migrate(empty_url)
    assert tables(empty_url) == OURS


def test_to_migrate_again_is_nothing(empty_url, statements):
    migrate(empty_url)
    with statements() as statements_sent:
        migrate(empty_url)
    assert [
        statement
        for statement in statements_sent
        if statement.startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DROP"))
    ] == []


def test_migration_keeps_existing_data(core):
    core.user(external_id="1", email="ann@example.com", name="Ann")
    core.migrate()
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text("SELECT count(*) FROM stellary_users")).scalar() == 1


def test_several_threads_migrate_at_once(empty_url):
    at_once(*[lambda: migrate(empty_url)] * 4)
    assert tables(empty_url) == OURS


def test_one_of_several_concurrent_upgrades_migrates(empty_url, statements):
    core = Core(empty_url)
    with core.database.open_raw() as connection:
        upgrade(connection, "0001")
    core.close()
    with statements() as statements_sent:
        at_once(*[lambda: migrate(empty_url)] * 3)
    assert tables(empty_url) == OURS
    assert (
        len(
            [
                statement
                for statement in statements_sent
                if "CREATE TABLE stellary_search_entries" in statement
            ]
        )
        == 1
    )


def test_database_of_a_newer_version_is_rejected_unchanged(core):
    """A version that does not know a column would write rows that lack it."""
    with core.database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
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
    assert tables(empty_url) == OURS
    assert len(run(empty_url, f"SELECT version_num FROM {VERSION_TABLE}")) == 1


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
    run(empty_url, "CREATE TABLE orders (number INTEGER PRIMARY KEY)")
    with failing():
        migrate(empty_url)
    assert tables(empty_url) == {"orders"}
    migrate(empty_url)
    assert tables(empty_url) == OURS | {"orders"}


def test_a_hosts_own_tables_and_versions_stay_as_they_were(empty_url):
    run(
        empty_url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('theirs')",
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "INSERT INTO users VALUES (1)",
    )
    migrate(empty_url)
    assert tables(empty_url) == OURS | {"alembic_version", "users"}
    assert run(empty_url, "SELECT version_num FROM alembic_version") == [("theirs",)]
    assert run(empty_url, "SELECT id FROM users") == [(1,)]


def test_a_hosts_engine_is_migrated_whole_or_not_at_all(empty_url):
    """A host's SQLite driver would commit each table for itself."""
    engine = create_engine(empty_url)
    core = Core(engine)
    with failing():
        core.migrate()
    assert tables(empty_url) == set()
    core.migrate()
    assert tables(empty_url) == OURS
    engine.dispose()


def test_several_databases_are_migrated_at_once_by_one_process(tmp_path):
    urls = [f"sqlite:///{tmp_path / name}.db" for name in "abc"]
    at_once(*[lambda url=url: migrate(url) for url in urls])
    assert [tables(url) for url in urls] == [OURS] * 3


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
    run(
        url,
        f"CREATE TABLE {prefix}parents (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE {prefix}children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES {prefix}parents (id))",
        f"INSERT INTO {prefix}children VALUES (1, 7)",
    )
    if is_ours:
        with pytest.raises(RuntimeError, match="1 rows with broken references"):
            migrate(url)
        assert VERSION_TABLE not in tables(url)
    else:
        migrate(url)
        assert VERSION_TABLE in tables(url)


def test_a_probe_writes_and_changes_nothing(core):
    core.probe()
    core.migrate()


def test_messages_that_waited_one_by_one_wait_with_their_webhook(empty_url):
    """Before 0014 each message had a job of its own."""
    waiting, arrived = "1" * 24, "2" * 24
    write_at(
        empty_url,
        "0013",
        *PLACE,
        *[("webhooks", {"id": id}) for id in (waiting, arrived)],
        *[
            ("webhook_deliveries", {"id": id, "webhook_id": webhook, "status": status})
            for id, webhook, status in (
                ("3" * 24, waiting, "pending"),
                ("4" * 24, waiting, "pending"),
                ("5" * 24, arrived, "succeeded"),
            )
        ],
        *[("jobs", {"id": id, "kind": "webhooks.deliver", "key": id}) for id in ("3" * 24, "4" * 24)],
    )
    migrate(empty_url)
    rows = run(empty_url, "SELECT kind, payload FROM stellary_jobs")
    assert [tuple(row) for row in rows] == [("webhooks.deliver", f'{{"webhookId":"{waiting}"}}')]
