"""Databases of the last development version: its tables have later columns at their end, and rows of its time."""

import re
import runpy
from pathlib import Path

import orjson
from sqlalchemy import create_engine

from stellary.core import migrations
from stellary.core.migrations.development import LAST

_INITIAL = Path(migrations.__file__).parent / "versions" / "0100_initial.py"
_LATER = {
    "stellary_users": ["agent_of_id", "deactivated_at", "unverified_since"],
    "stellary_jobs": ["claimed_by"],
    "stellary_trash": ["slug"],
    "stellary_organizations": ["trash_id"],
    "stellary_identities": ["id"],
    "stellary_email_tokens": ["email"],
    "stellary_workspaces": ["pilotage_cycle", "has_listeners", "trash_id"],
    "stellary_pilotage_actions": ["result", "resolved_payload"],
    "stellary_activities": ["entity", "entity_id", "changes", "via", "item", "address_digest"],
    "stellary_custom_fields": ["option_ids"],
    "stellary_webhook_deliveries": ["queued_at"],
    "stellary_comments": ["imported_from"],
}
"""The columns that development migrations have added, in order, where they stand before others today."""


def create_development_database(url: str) -> None:
    """Replace the tables of a database by those of the last development version, with one row or more in each."""
    engine = create_engine(url)
    with engine.connect() as connection:
        migrations.drop_all(connection)
    with engine.begin() as connection:
        for statement in runpy.run_path(str(_INITIAL))["_build_statements"](engine.dialect.name):
            connection.exec_driver_sql(_move_later_columns(statement))
        connection.exec_driver_sql(
            "CREATE TABLE stellary_alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT stellary_alembic_version_pkc PRIMARY KEY (version_num))"
        )
        connection.exec_driver_sql(f"INSERT INTO stellary_alembic_version VALUES ('{LAST}')")
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        marker = ":{0}" if engine.dialect.name == "sqlite" else "%({0})s"
        for line in Path(__file__).with_name("development_rows.jsonl").read_text().splitlines():
            table, row = orjson.loads(line)
            names, values = (", ".join(map(form.format, row)) for form in ('"{0}"', marker))
            row = {
                name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
                for name, value in row.items()
            }
            connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({values})", row)
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql(
                "SELECT setval('stellary_activities_seq_seq', max(seq)) FROM stellary_activities"
            )
    engine.dispose()


def _move_later_columns(statement: str) -> str:
    match = re.fullmatch(r"(CREATE TABLE (\w+) \()(.*)(\n\).*)", statement, re.DOTALL)
    if match is None or match[2] not in _LATER:
        return statement
    later = _LATER[match[2]]
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", match[3])]

    def rank(part: str) -> tuple[bool, int]:
        name = part.partition(" ")[0]
        return part.startswith("CONSTRAINT"), later.index(name) + 1 if name in later else 0

    return f"{match[1]}{', '.join(sorted(parts, key=rank))}{match[4]}"
