"""The tables of the trash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

# As they were then: a later change of the code's own types is a later migration.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stellary_trash",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("key", sa.String(length=20), nullable=True),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=True),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("author_id", ID, nullable=True),
        sa.Column("deleted_by_id", ID, nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_trash"),
    )
    op.create_index("ix_stellary_trash_item_id", "stellary_trash", ["item_id"])
    op.create_index("ix_stellary_trash_project_id", "stellary_trash", ["project_id"])
    op.create_index("ix_stellary_trash_expires_at", "stellary_trash", ["expires_at"])
    op.create_index("ix_stellary_trash_workspace_id_id", "stellary_trash", ["workspace_id", "id"])
    op.create_index(
        "ix_stellary_trash_organization_id_kind_id", "stellary_trash", ["organization_id", "kind", "id"]
    )
    op.create_table(
        "stellary_trash_rows",
        sa.Column("trash_id", ID, nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("blob_key", sa.String(length=40), nullable=True),
        sa.Column("file_size", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("trash_id", "table_name", "key", name="pk_stellary_trash_rows"),
    )
    op.create_index(
        "ix_stellary_trash_rows_blob_key",
        "stellary_trash_rows",
        ["blob_key"],
        sqlite_where=sa.text("blob_key IS NOT NULL"),
        postgresql_where=sa.text("blob_key IS NOT NULL"),
    )
    op.create_index("ix_stellary_trash_rows_table_name_key", "stellary_trash_rows", ["table_name", "key"])


def downgrade() -> None:
    op.drop_table("stellary_trash_rows")
    op.drop_table("stellary_trash")
