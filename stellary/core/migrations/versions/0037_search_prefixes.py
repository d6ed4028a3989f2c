"""The prefixes of words by which search reads its index, which a job writes; its indexes in order of creation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index
from stellary.core.search.prefixes import TRIGGER_NAMES, TRIGGERS

revision = "0037"
down_revision = "0036"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
_TABLE = "stellary_search_entries"
_CONTAINERS = ("organization_id", "project_id")
_FRESH = {
    "fresh": ("workspace_id", "is_indexed = false"),
    "fresh_in_organization": ("organization_id", "is_indexed = false AND organization_id IS NOT NULL"),
}


def upgrade() -> None:
    add_column(_TABLE, sa.Column("prefixes", sa.Text(), nullable=False, server_default=sa.text("''")))
    add_column(_TABLE, sa.Column("is_indexed", sa.Boolean(), nullable=False, server_default=sa.false()))
    for column in _CONTAINERS:
        create_index(f"ix_{_TABLE}_{column}_id", _TABLE, [column, "id"])
        drop_index(f"ix_{_TABLE}_{column}")
    for name, (column, where) in _FRESH.items():
        create_index(f"ix_{_TABLE}_{name}", _TABLE, ["is_indexed", column, "id"], where=where)
    op.create_table(
        "stellary_search_prefixes",
        sa.Column("prefix", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entry_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("prefix", "entry_id", name="pk_stellary_search_prefixes"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    connection = op.get_bind()
    dialect = connection.dialect.name
    if dialect != "sqlite":
        for trigger in TRIGGER_NAMES:
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {_TABLE}")
    for statement in TRIGGERS[dialect]:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    on_table = "" if op.get_context().dialect.name == "sqlite" else f" ON {_TABLE}"
    for column in _CONTAINERS:
        create_index(f"ix_{_TABLE}_{column}", _TABLE, [column])
        drop_index(f"ix_{_TABLE}_{column}_id")
    for trigger in TRIGGER_NAMES:
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}{on_table}")
    if on_table:
        op.execute("DROP FUNCTION IF EXISTS stellary_keep_search_prefixes()")
    op.execute("DROP TABLE IF EXISTS stellary_search_prefixes")
    for name in _FRESH:
        drop_index(f"ix_{_TABLE}_{name}")
    op.drop_column(_TABLE, "is_indexed")
    op.drop_column(_TABLE, "prefixes")
