"""Imports in parts, and projects that belong to no workspace while they are imported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import allow_null, refuse_if_any, require_value

revision = "0021"
down_revision = "0020"

ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    allow_null("stellary_projects", "workspace_id")
    op.create_table(
        "stellary_imports",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("ignored", sa.Text(), nullable=False),
        sa.Column("new_ids", sa.Text(), nullable=False),
        sa.Column("column_counts", sa.Text(), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("card_count", sa.Integer(), nullable=False),
        sa.Column("relation_count", sa.Integer(), nullable=False),
        sa.Column("completed_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_imports"),
        sa.UniqueConstraint("project_id", name="uq_stellary_imports_project_id"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_imports_workspace_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_imports_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["stellary_users.id"],
            name="fk_stellary_imports_created_by_id",
            ondelete="CASCADE",
        ),
    )
    for column in ("workspace_id", "created_by_id"):
        op.create_index(f"ix_stellary_imports_{column}", "stellary_imports", [column])
    op.create_table(
        "stellary_import_parts",
        sa.Column("import_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("cards", sa.Text(), nullable=False),
        sa.Column("relations", sa.Text(), nullable=False),
        sa.Column("ignored", sa.Text(), nullable=False),
        sa.Column("not_carried", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_stellary_import_parts"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["stellary_imports.id"],
            name="fk_stellary_import_parts_import_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    refuse_if_any("stellary_projects", "workspace_id IS NULL", "complete or delete all imports in parts first")
    op.drop_table("stellary_import_parts")
    op.drop_table("stellary_imports")
    require_value("stellary_projects", "workspace_id")
