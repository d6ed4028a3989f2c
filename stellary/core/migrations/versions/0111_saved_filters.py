"""Saved filters of cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0111"
down_revision = "0110"


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_saved_filters",
        sa.Column("id", identifier, primary_key=True),
        sa.Column(
            "workspace_id",
            identifier,
            sa.ForeignKey("stellary_workspaces.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("project_id", identifier, sa.ForeignKey("stellary_projects.id", ondelete="CASCADE")),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(300), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("list_key", sa.String(48), nullable=False),
        sa.Column("created_by_id", identifier, sa.ForeignKey("stellary_users.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("list_key", "name_key", name="uq_stellary_saved_filters_list_key_name_key"),
    )
    op.create_index(
        "ix_stellary_saved_filters_workspace_id_id", "stellary_saved_filters", ["workspace_id", "id"]
    )
    op.create_index("ix_stellary_saved_filters_project_id", "stellary_saved_filters", ["project_id"])


def downgrade() -> None:
    op.drop_table("stellary_saved_filters")
