"""Databases of several versions: their schemas and rows, and a package that has one migration more."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from stellary.core.migrations import history, upgrade

NEXT = "9000"
"""The number of the additional migration."""
ALL_OPERATIONS = """\
    add_column("stellary_jobs", sa.Column("claimed_by", sa.Integer()))
    update_in_batches("stellary_jobs", "claimed_by = attempts", "claimed_by IS NULL")
    create_index("ix_stellary_jobs_claimed_by", "stellary_jobs", ["claimed_by"], where="claimed_by IS NOT NULL")
    drop_index("ix_stellary_jobs_attempts")
    allow_null("stellary_projects", "workspace_id")
    op.create_table(
        "stellary_store_tokens",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_stellary_store_tokens"),
    )
"""
ALL_UNDONE = """\
    refuse_if_any("stellary_projects", "workspace_id IS NULL", "delete them first")
    create_index("ix_stellary_jobs_attempts", "stellary_jobs", ["attempts"])
    drop_index("ix_stellary_jobs_claimed_by")
    op.drop_table("stellary_store_tokens")
    require_value("stellary_projects", "workspace_id")
    op.drop_column("stellary_jobs", "claimed_by")
"""
_EARLIER = {
    " claimed_by INTEGER,": "",
    "CREATE INDEX ix_stellary_jobs_claimed_by ON stellary_jobs (claimed_by) WHERE claimed_by IS NOT NULL;": (
        "CREATE INDEX ix_stellary_jobs_attempts ON stellary_jobs (attempts);"
    ),
    "    id $ID NOT NULL, workspace_id $ID, name VARCHAR(100) NOT NULL, description TEXT,": (
        "    id $ID NOT NULL, workspace_id $ID NOT NULL, name VARCHAR(100) NOT NULL, description TEXT,"
    ),
}
"""The changes of the initial migration that ``ALL_OPERATIONS`` makes up for, beside a table."""
_FILE = """\
import sqlalchemy as sa
from alembic import op
from stellary.core.migrations.operations import *

revision = "{number}"
down_revision = "{newest}"


def upgrade():
{upgrades}

def downgrade():
{downgrades}
"""
ROWS = """\
INSERT INTO stellary_users (id, email, email_key, name, token_generation, created_at, updated_at)
    VALUES ('1', 'a', 'a', 'Ann', 0, '2026-04-01', '2026-04-01');
INSERT INTO stellary_organizations (id, name, slug, owner_id, created_at, updated_at)
    VALUES ('1', 'Acme', 'acme', '1', '2026-04-01', '2026-04-01');
INSERT INTO stellary_workspaces (id, organization_id, name, slug, owner_id, is_personal, created_at, updated_at)
    VALUES ('1', '1', 'Eng', 'eng', '1', false, '2026-04-01', '2026-04-01');
INSERT INTO stellary_projects (id, workspace_id, name, key, template_id, archived, last_number, created_by_id, version,
    created_at, updated_at)
    VALUES ('1', '1', 'Launch', 'LAU', 'simple', false, 0, '1', 1, '2026-04-01', '2026-04-01');
INSERT INTO stellary_jobs (id, kind, payload, attempts, created_at)
    VALUES ('1', 'webhooks.deliver', '{}', 1, '2026-04-01')"""
"""Statements that write rows into tables of version 0100."""


class NextVersion:
    """A package that has one migration more than this one.

    Args:
        folder: The folder of its migrations, which is created.
        monkeypatch: Makes this process use it.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        shutil.copytree(Path(history.__file__).parent, folder)
        self.newest = history.list_revisions()[-1]
        monkeypatch.setattr(history, "files", lambda _: folder)

    def write(self, *upgrades: str, downgrades: Sequence[str] = ("pass",)) -> None:
        """Write the additional migration.

        Args:
            upgrades: The lines of its function ``upgrade``.
            downgrades: The lines of ``downgrade``.
        """
        self._write(*("".join(f"    {line}\n" for line in lines) for lines in (upgrades, downgrades)))

    def _write(self, upgrades: str, downgrades: str) -> None:
        source = _FILE.format(number=NEXT, newest=self.newest, upgrades=upgrades, downgrades=downgrades)
        (self._folder / "versions" / f"{NEXT}_next.py").write_text(source)

    def use_all_operations(self) -> None:
        """Write a migration to the schema in the code that uses every operation, and make the initial schema an earlier one."""
        self._write(ALL_OPERATIONS, ALL_UNDONE)
        initial = self._folder / "versions" / "0100_initial.py"
        source = re.sub(
            r"CREATE TABLE stellary_store_tokens .*?;\n", "", initial.read_text(), flags=re.DOTALL
        )
        for present, earlier in _EARLIER.items():
            assert present in source
            source = source.replace(present, earlier)
        initial.write_text(source)


def run_sql(url: str, *statements: str) -> Sequence[Any] | None:
    """Run statements in one transaction, and return the rows of the last one."""
    # Otherwise, psycopg takes each % for a placeholder.
    engine = create_engine(url, execution_options={"no_parameters": True})
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else None
    engine.dispose()
    return rows


def list_tables(url: str) -> set[str]:
    """Return the names of all tables."""
    engine = create_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def read_version(url: str) -> str:
    """Return the version of a database."""
    ((version,),) = run_sql(url, "SELECT version_num FROM stellary_alembic_version") or ()
    return str(version)


def upgrade_to(url: str, revision: str) -> None:
    """Upgrade a database to a revision, or create the tables of that revision."""
    engine = create_engine(url)
    with engine.connect() as connection:
        upgrade(connection, revision)
    engine.dispose()


def read_schema(url: str) -> list[Any]:
    """Return the schema as the database describes it: columns, keys, constraints, indexes, triggers and functions."""
    if url.startswith("sqlite"):
        rows = run_sql(url, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL") or ()
        return sorted((kind, name, *_split_definition(sql)) for kind, name, sql in rows)
    columns = """SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable,
        column_default FROM information_schema.columns WHERE table_schema = 'public'"""
    constraints = "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    triggers = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    functions = """SELECT proname, regexp_replace(prosrc, '\\s+', ' ', 'g') FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace"""
    queries = (columns, constraints, indexes, triggers, functions)
    return [sorted(map(str, run_sql(url, query) or ())) for query in queries]


def _split_definition(sql: str) -> list[str]:
    """Return the parts of a definition of SQLite, whatever their order and layout: a column that is added later is the last one."""
    sql = re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", sql.strip()))
    return (
        sorted(re.split(r",(?![^(]*\))", sql.removesuffix(")"))) if sql.startswith("CREATE TABLE") else [sql]
    )
