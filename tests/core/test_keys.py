"""Constraints of the databases: every unique key, foreign key and check, as ``keys.tsv`` lists them."""

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from tests.support.core_parts import PREFIX

LISTED = Path(__file__).with_name("keys.tsv")


def normalize(condition):
    """Return a condition without casts, brackets and table prefixes, as both databases spell it."""
    text = re.sub(r"::[a-z ]+(\[\])?|[()\"\]]|\bstellary_\w+\.", "", str(condition))
    return " ".join(text.replace("= ANY ARRAY[", " IN ").replace("=", " = ").split())


def find_keys(url):
    """Yield each constraint as a line: table, kind, columns, and target or condition."""
    engine = create_engine(url)
    inspector = inspect(engine)
    keys = set()
    for table in (name for name in inspector.get_table_names() if name.startswith(PREFIX)):
        keys.add((table, "primary", ",".join(inspector.get_pk_constraint(table)["constrained_columns"]), ""))
        uniques = [(constraint["column_names"], "") for constraint in inspector.get_unique_constraints(table)]
        for index in inspector.get_indexes(table):
            if index["unique"]:
                options = index.get("dialect_options", {})
                where = options.get("sqlite_where", options.get("postgresql_where"))
                columns = index.get("expressions") or index["column_names"]
                uniques.append((columns, "" if where is None else f"where {normalize(where)}"))
        keys |= {(table, "unique", normalize(",".join(columns)), where) for columns, where in uniques}
        for key in inspector.get_foreign_keys(table):
            rule = key["options"].get("ondelete", "NO ACTION").lower()
            target = f"{key['referred_table']}({','.join(key['referred_columns'])}) on delete {rule}"
            keys.add((table, "foreign", ",".join(key["constrained_columns"]), target))
        for check in inspector.get_check_constraints(table):
            keys.add((table, "check", "", normalize(check["sqltext"])))
    engine.dispose()
    return sorted(keys)


@pytest.mark.slow("reads the keys of all tables")
def test_both_databases_keep_exactly_the_keys_that_are_listed(database_url):
    """A key that is dropped, or made weaker, is dropped from the list in the same change, and its race with it."""
    assert ["\t".join(key).rstrip() for key in find_keys(database_url)] == LISTED.read_text().splitlines()


OWNERLESS = {
    "stellary_alembic_version",
    "stellary_card_log",
    "stellary_card_terms",
    "stellary_idempotency_keys",
    "stellary_jobs",
    "stellary_login_attempts",
    "stellary_organizations",
    "stellary_search_prefixes",
    "stellary_store_tokens",
    "stellary_trash",
    "stellary_trash_rows",
    "stellary_users",
    "stellary_watched_changes",
}
"""Swept by age, deleted by a trigger or a job, or deleted by nobody."""


def test_every_other_table_refers_to_what_it_is_deleted_with():
    keys = [line.split("\t") for line in LISTED.read_text().splitlines()]
    owned = {key[0] for key in keys if key[1] == "foreign" and key[3].endswith("on delete cascade")}
    assert {key[0] for key in keys} - owned == OWNERLESS
